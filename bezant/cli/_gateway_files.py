"""Files that the Client Portal Gateway needs: Java, program, certificate, configuration."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from ..errors import BezantError

_JAR: Final = "dist/ibgroup.web.core.iblink.router.clientportal.gw.jar"
_DOWNLOAD: Final = "https://download2.interactivebrokers.com/portal/clientportal.gw.zip"
_OLDEST_JAVA: Final = 8
# keytool reads the password from this environment variable, and not from its command line, which
# all users of the machine can read.
_PASSWORD_VARIABLE: Final = "BEZANT_KEY_STORE_PASSWORD"  # noqa: S105 - a name
_DAYS: Final = 397
_TOOL_SECONDS: Final = 60

# This is the configuration that IBKR ships, but without its demo, and with a certificate that
# clients can verify. Logging is off, because the gateway would log cookies in clear text.
_CONF: Final = """\
ip2loc: "US"
proxyRemoteSsl: {remote_tls}
proxyRemoteHost: "{remote}"
listenPort: {port}
listenSsl: true
ccp: false
svcEnvironment: "v1"
authDelay: 3000
portalBaseURL: ""
sslCert: "localhost.p12"
sslPwd: "{password}"
serverOptions:
  blockedThreadCheckInterval: 1000000
  eventLoopPoolSize: 20
  workerPoolSize: 20
  maxWorkerExecuteTime: 100
  internalBlockingPoolSize: 20
cors:
  origin.allowed: "*"
  allowCredentials: false
ips:
  allow: [127.0.0.1]
  deny: [212.90.324.10]
"""
_LOGBACK: Final = '<configuration><root level="OFF"/></configuration>\n'
_CERTIFICATE: Final = "localhost.pem"
_STORE: Final = "localhost.p12"
_NAMES: Final = ("conf.yaml", "logback.xml", _CERTIFICATE, _STORE)
# These files contain the certificate's private key or its password, so only the owner may read
# them.
_PRIVATE: Final = ("conf.yaml", _STORE)
_MANIFEST: Final = "bezant-files.json"
_MAKING: Final = ".bezant-making-"
_LOGGING: Final = "io.vertx.core.logging.SLF4JLogDelegateFactory"


def find_home(folder: str) -> Path:
    """Return the gateway program's folder: ``folder`` or its subfolder ``clientportal.gw``.

    Raises:
        BezantError: the folder does not contain the gateway.
    """
    named = Path(folder).expanduser()
    for home in (named, named / "clientportal.gw"):
        if (home / _JAR).is_file():
            return home.resolve()
    raise BezantError(
        f"{folder} contains no Client Portal Gateway (no {_JAR}); download {_DOWNLOAD}, unpack it "
        "and pass its folder with --home"
    )


def find_java() -> str:
    """Return the path of a Java runtime that the gateway can use.

    Raises:
        BezantError: no Java was found, or it is older than Java 8.
    """
    java = _tool("java")
    # Java's encoding can differ from Python's.
    done = subprocess.run(
        [java, "-version"],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_TOOL_SECONDS,
        check=False,
    )
    words = done.stderr + done.stdout
    found = re.search(r'version "(?:1\.)?(\d+)', words)
    if done.returncode or found is None:
        raise BezantError(
            f"{java} does not work: {words.strip()[:200] or 'it printed nothing'}; install a Java "
            f"runtime ({_OLDEST_JAVA} or newer) or set JAVA_HOME"
        )
    if int(found[1]) < _OLDEST_JAVA:
        raise BezantError(
            f"{java} is Java {found[1]}, but the gateway needs Java {_OLDEST_JAVA} or newer; "
            "install a newer one or set JAVA_HOME"
        )
    return java


def _tool(name: str) -> str:
    home = os.environ.get("JAVA_HOME")
    found = shutil.which(name, path=str(Path(home, "bin"))) if home else None
    found = found or shutil.which(name)
    if found is None:
        raise BezantError(
            f"{name} was not found; install a Java runtime ({_OLDEST_JAVA} or newer) or set "
            "JAVA_HOME"
        )
    return found


def data_folder() -> Path:
    """Return the default folder of the configuration and the certificate."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "bezant" / "gateway"


@dataclass(frozen=True, slots=True)
class Files:
    """Folder in which a gateway runs, with its configuration and certificate.

    Attributes:
        folder: path of the folder. If `write` creates it, only its owner can read it.
    """

    folder: Path

    @property
    def certificate(self) -> Path:
        """Path of the certificate with which clients verify the gateway."""
        return self.folder / _CERTIFICATE

    def write(self, port: int, remote: str) -> None:
        """Write a new configuration and a new certificate.

        Each start writes new ones, so that the certificate does not expire while the gateway runs
        and the password of the certificate's key is stored nowhere else. `write` replaces only
        files that it wrote itself and that were not changed since: a manifest in the folder lists
        the hashes of the files.

        Args:
            port: port that the gateway listens on.
            remote: URL of IBKR's server.

        Raises:
            BezantError: the files cannot be written, or would replace files that `write` did not
                write; nothing was changed.
        """
        try:
            self._write(port, remote)
        except OSError as error:
            raise BezantError(
                f"cannot write the gateway's files to {self.folder}: {error}; pass another folder "
                "with --data"
            ) from error

    def _write(self, port: int, remote: str) -> None:
        written = self._check()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # New files are written to a temporary folder first. The old files are replaced only after
        # all new files exist.
        made = Path(tempfile.mkdtemp(prefix=_MAKING, dir=self.folder))
        try:
            password = secrets.token_hex(16)
            Files(made)._make_certificate(password)  # noqa: SLF001 - of this class
            conf = _CONF.format(
                port=port,
                password=password,
                remote=remote,
                remote_tls=str(remote.startswith("https:")).lower(),
            )
            _write_new(made / "conf.yaml", conf)
            _write_new(made / "logback.xml", _LOGBACK)
            fresh = {path.name: _hash(path) for path in sorted(made.iterdir())}
            # The manifest lists both old and new hashes, so that it still describes the files if
            # their replacement is interrupted.
            both = {name: [*written.get(name, []), fresh[name]] for name in fresh}
            self._write_manifest(made, written | both)
            for name in fresh:
                if name in _PRIVATE:
                    (made / name).chmod(0o600)
                (made / name).replace(self.folder / name)
            self._write_manifest(made, {name: [fresh[name]] for name in fresh})
        finally:
            shutil.rmtree(made, ignore_errors=True)

    def _make_certificate(self, password: str) -> None:
        common = ["-alias", "gateway", "-keystore", str(self.folder / _STORE)]
        common += ["-storepass:env", _PASSWORD_VARIABLE]
        key = ["-keyalg", "RSA", "-keysize", "2048"]
        key += ["-validity", str(_DAYS), "-storetype", "PKCS12"]
        names = ["-dname", "CN=localhost", "-ext", "SAN=dns:localhost,ip:127.0.0.1"]
        _keytool(password, "-genkeypair", *common, *key, *names)
        _keytool(password, "-exportcert", "-rfc", *common, "-file", str(self.certificate))

    def _write_manifest(self, made: Path, hashes: dict[str, list[str]]) -> None:
        _write_new(made / _MANIFEST, json.dumps({"files": hashes}, indent=1) + "\n")
        (made / _MANIFEST).replace(self.folder / _MANIFEST)

    def _check(self) -> dict[str, list[str]]:
        """Return the hashes of the files that an earlier `write` wrote, by file name.

        Raises:
            BezantError: files with these names exist that `write` did not write, or that were
                changed since.
        """
        written = self._read_manifest()
        foreign: list[str] = []
        changed: list[str] = []
        for name in _NAMES:
            path = self.folder / name
            if not _is_there(path):
                continue
            if name not in written or path.is_symlink() or not path.is_file():
                foreign.append(name)
            elif _hash(path) not in written[name]:
                changed.append(name)
        if foreign:
            raise BezantError(
                f"{self.folder} contains {_listed(foreign)}, which `bezant gateway run` did not "
                "write and would replace; nothing was changed. Pass another folder with --data, or "
                "move the files away"
            )
        if changed:
            raise BezantError(
                f"{_listed(changed)} in {self.folder} was edited after `bezant gateway run` wrote "
                "it, and would be replaced; nothing was changed. Move it away to have it written "
                "again, or pass another folder with --data"
            )
        return written

    def _read_manifest(self) -> dict[str, list[str]]:
        path = self.folder / _MANIFEST
        if not _is_there(path):
            return {}
        try:
            return _read_hashes(path)
        except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
            raise BezantError(
                f"cannot read {path} ({error}), which lists the files that may be replaced; "
                "nothing was changed. Pass another folder with --data, or remove "
                f"{_listed([*_NAMES, _MANIFEST])} there"
            ) from error

    def command(self, java: str, home: Path, options: tuple[str, ...] = ()) -> list[str]:
        """Return the command that starts the gateway; run the command in `folder`.

        Args:
            java: path of the Java command.
            home: folder of the gateway's program; the gateway only reads it.
            options: additional options of the Java command.
        """
        # This folder comes first, so that the gateway finds the configuration and the key here and
        # not in `home`.
        parts = (self.folder, home / "root", home / _JAR, home / "build/lib/runtime/*")
        return [
            java,
            "-server",
            "-Dvertx.disableDnsResolver=true",
            "-Djava.net.preferIPv4Stack=true",
            f"-Dvertx.logger-delegate-factory-class-name={_LOGGING}",
            *options,
            *("-cp", os.pathsep.join(map(str, parts))),
            *("ibgroup.web.core.clientportal.gw.GatewayStart", "--conf", "conf.yaml"),
        ]


def _keytool(password: str, *arguments: str) -> None:
    done = subprocess.run(
        [_tool("keytool"), *arguments],
        env=os.environ | {_PASSWORD_VARIABLE: password},
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_TOOL_SECONDS,
        check=False,
    )
    if done.returncode:
        raise BezantError(
            "keytool could not make the certificate: "
            f"{(done.stdout + done.stderr).strip()[:300]}; try another Java with JAVA_HOME"
        )


def _read_hashes(manifest: Path) -> dict[str, list[str]]:
    if manifest.is_symlink():
        raise ValueError("it is a symbolic link")
    files: object = json.loads(manifest.read_text("utf-8"))["files"]
    if not isinstance(files, dict):
        raise TypeError("it lists no files")
    return {
        str(name): [each for each in hashes if isinstance(each, str)]
        for name, hashes in cast("dict[object, list[object]]", files).items()
    }


def _write_new(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _is_there(path: Path) -> bool:
    """Return whether a path exists; a broken symbolic link counts."""
    return os.path.lexists(path)


def _listed(names: list[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
