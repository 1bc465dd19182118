"""What the Client Portal Gateway needs to run: Java, its files, a certificate, a configuration."""

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
# Named on the command line in place of the password, which everybody could read there.
_PASSWORD_VARIABLE: Final = "BEZANT_KEY_STORE_PASSWORD"  # noqa: S105 - a name
_DAYS: Final = 397
_TOOL_SECONDS: Final = 60

# The shipped configuration without its demo, with a certificate that can be checked. Its log holds
# cookies in clear, so nothing is logged.
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
# They hold the key or its password, whoever may read the folder.
_PRIVATE: Final = ("conf.yaml", _STORE)
_MANIFEST: Final = "bezant-files.json"
_MAKING: Final = ".bezant-making-"
_LOGGING: Final = "io.vertx.core.logging.SLF4JLogDelegateFactory"


def find_home(folder: str) -> Path:
    """Return the gateway's own folder: the one named, or one right below it.

    Raises:
        BezantError: it is not there.
    """
    named = Path(folder).expanduser()
    for home in (named, named / "clientportal.gw"):
        if (home / _JAR).is_file():
            return home.resolve()
    raise BezantError(
        f"{folder} holds no Client Portal Gateway (no {_JAR}); download {_DOWNLOAD}, unpack it and "
        "name the folder with --home"
    )


def find_java() -> str:
    """Return the path of a Java that the gateway runs on.

    Raises:
        BezantError: there is none, or it is too old.
    """
    java = _tool("java")
    done = subprocess.run(
        [java, "-version"], capture_output=True, text=True, timeout=_TOOL_SECONDS, check=False
    )
    words = done.stderr + done.stdout
    found = re.search(r'version "(?:1\.)?(\d+)', words)
    if done.returncode or found is None:
        raise BezantError(f"{java} does not work: {words.strip()[:200] or 'it says nothing'}")
    if int(found[1]) < _OLDEST_JAVA:
        raise BezantError(f"the gateway needs Java {_OLDEST_JAVA} or newer; {java} is {found[1]}")
    return java


def _tool(name: str) -> str:
    home = os.environ.get("JAVA_HOME")
    found = shutil.which(name, path=str(Path(home, "bin"))) if home else None
    found = found or shutil.which(name)
    if found is None:
        raise BezantError(
            f"there is no {name}: install a Java runtime (8 or newer) or set JAVA_HOME"
        )
    return found


def data_folder() -> Path:
    """Return where the configuration and the certificate are kept by default."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "bezant" / "gateway"


@dataclass(frozen=True, slots=True)
class Files:
    """The folder that a gateway runs in.

    Attributes:
        folder: where the files are; one that is made here is readable by its owner only.
    """

    folder: Path

    @property
    def certificate(self) -> Path:
        """The certificate, with which clients verify the gateway."""
        return self.folder / _CERTIFICATE

    def write(self, port: int, remote: str) -> None:
        """Write a configuration, with a certificate of its own.

        Both are made again for each start, so that the certificate never expires while the gateway
        runs and its key's password is nowhere else. Only files that this has written before, and
        that nobody has changed since, are replaced: a manifest in the folder names them with their
        hashes.

        Raises:
            BezantError: they cannot be made, or would replace somebody else's files; nothing has
                been changed then.
        """
        try:
            self._write(port, remote)
        except OSError as error:
            raise BezantError(f"{self.folder} cannot be written: {error}") from error

    def _write(self, port: int, remote: str) -> None:
        written = self._check()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Made beside the old ones, which stay until all are there.
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
            # Whenever this is interrupted, the manifest names what is there, old or new.
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
        """Return the hashes of the files that were written before, by name.

        Raises:
            BezantError: there are others in their place.
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
                f"{self.folder} holds {_listed(foreign)}, which `bezant gateway run` has not "
                "written and would replace; nothing was changed. Name another folder with --data, "
                "or move them away"
            )
        if changed:
            raise BezantError(
                f"{_listed(changed)} in {self.folder} was changed since `bezant gateway run` has "
                "written it, and would be replaced; nothing was changed. Move it away to have it "
                "made again, or name another folder with --data"
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
                f"{path} cannot be read ({error}), so that nobody knows which files in its folder "
                "may be replaced; nothing was changed. Name another folder with --data, or remove "
                f"{_listed([*_NAMES, _MANIFEST])} there"
            ) from error

    def command(self, java: str, home: Path, options: tuple[str, ...] = ()) -> list[str]:
        """Return the command that starts the gateway; it is run in the folder.

        Args:
            java: Java's path.
            home: the gateway's own folder, which is only read.
            options: further options of Java.
        """
        # The folder comes first: that is where it looks for its configuration and its key.
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
        timeout=_TOOL_SECONDS,
        check=False,
    )
    if done.returncode:
        raise BezantError(f"keytool failed: {(done.stdout + done.stderr).strip()[:300]}")


def _read_hashes(manifest: Path) -> dict[str, list[str]]:
    if manifest.is_symlink():
        raise ValueError("it is a symbolic link")
    files: object = json.loads(manifest.read_text("utf-8"))["files"]
    if not isinstance(files, dict):
        raise TypeError("it names no files")
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
    """Say whether something has this name, also a symbolic link to nothing."""
    return os.path.lexists(path)


def _listed(names: list[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
