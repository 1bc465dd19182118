"""Tests of `bezant gateway run` with a shell script in place of Java.

The tests in tests/gateway run the real gateway.
"""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest

import bezant
from bezant.__main__ import main
from bezant.cli import _gateway, _gateway_files

pytestmark = pytest.mark.skipif(
    sys.platform == "win32",
    reason="Windows does not run shell scripts, and the fake programs are some",
)

CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
JAR = "dist/ibgroup.web.core.iblink.router.clientportal.gw.jar"


def program(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "download" / "clientportal.gw"
    (home / JAR).parent.mkdir(parents=True)
    (home / JAR).write_bytes(b"")
    return home


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of fake programs; it is the only folder on the PATH."""
    folder = tmp_path / "tools"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    return folder


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        number: int = probe.getsockname()[1]
        return number


def test_a_folder_without_a_gateway_is_refused(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["gateway", "run", "--home", str(tmp_path)]) == 1
    complaint = capsys.readouterr().err
    assert "contains no Client Portal Gateway" in complaint
    assert "clientportal.gw.zip" in complaint
    assert _gateway_files.find_home(str(home.parent)) == home.resolve()
    assert _gateway_files.find_home(str(home)) == home.resolve()


@pytest.mark.parametrize(
    ("says", "refused"),
    [
        ('java version "1.8.0_392"', None),
        ('openjdk version "17.0.15" 2025-04-15', None),
        ('openjdk version "21" 2023-09-19', None),
        ('java version "1.7.0_80"', "needs Java 8"),
        ("nothing of the kind", "does not work"),
        ("", "does not work"),
    ],
)
def test_java_is_checked(tools: Path, says: str, refused: str | None) -> None:
    program(tools, "java", f"echo '{says}' >&2")
    if refused is None:
        assert _gateway_files.find_java() == str(tools / "java")
    else:
        with pytest.raises(bezant.BezantError, match=refused):
            _gateway_files.find_java()


def test_output_of_java_in_another_encoding_is_read(tools: Path) -> None:
    program(tools, "java", r"""printf 'Biblioth\350que\nopenjdk version "21"\n' >&2""")
    assert _gateway_files.find_java() == str(tools / "java")
    program(tools, "java", r"printf 'Erreur : m\351moire' >&2; exit 1")
    with pytest.raises(bezant.BezantError, match=r"Erreur : m.moire"):
        _gateway_files.find_java()


def test_a_missing_java_says_what_to_install(
    tools: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["gateway", "run", "--home", str(home)]) == 1
    assert "install a Java runtime" in capsys.readouterr().err


def test_java_home_comes_first(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tools, "java", "exit 1")
    chosen = tmp_path / "jdk" / "bin"
    chosen.mkdir(parents=True)
    program(chosen, "java", "echo 'version \"17\"'")
    monkeypatch.setenv("JAVA_HOME", str(chosen.parent))
    assert _gateway_files.find_java() == str(chosen / "java")


def test_a_port_in_use_is_refused(
    tools: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program(tools, "java", "echo 'version \"17\"'")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["gateway", "run", "--home", str(home), "--port", str(port)]) == 1
    assert f"cannot listen on port {port}" in capsys.readouterr().err


def test_a_failed_step_is_an_error(
    tools: Path, home: Path, port: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program(tools, "java", "echo 'version \"17\"'")
    program(tools, "keytool", "echo 'a bad day'; exit 3")
    arguments = ["gateway", "run", "--home", str(home), "--port", str(port), "--data"]
    assert main([*arguments, str(tmp_path / "data")]) == 1
    assert "keytool could not make the certificate: a bad day" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert main([*arguments, str(tmp_path / "file")]) == 1
    assert "cannot write the gateway's files to" in capsys.readouterr().err


def test_a_gateway_that_ends_at_once_is_an_error(
    tools: Path,
    home: Path,
    port: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    program(tools, "java", 'case "$1" in -version) echo \'version "17"\';; *) exit 7;; esac')
    program(tools, "keytool", "exit 0")
    monkeypatch.setattr(_gateway_files.Files, "_make_certificate", lambda self, password: None)
    monkeypatch.setattr(ssl, "create_default_context", lambda cafile: CONTEXT)
    with pytest.raises(bezant.BezantError, match=r"ended at once \(status 7\)"):
        _gateway.run(str(home), port=port, data=str(tmp_path / "data"))
    folder = tmp_path / "data"
    assert folder.stat().st_mode & 0o777 == 0o700
    conf = folder / "conf.yaml"
    assert conf.stat().st_mode & 0o777 == 0o600
    assert f"listenPort: {port}\n" in conf.read_text()
    assert 'proxyRemoteHost: "https://api.ibkr.com"' in conf.read_text()
    assert "proxyRemoteSsl: true" in conf.read_text()
    password = conf.read_text().split('sslPwd: "')[1].partition('"')[0]
    assert password not in capsys.readouterr().out
    assert len(password) == 32


KEYTOOL = """
while [ $# -gt 0 ]; do
  case "$1" in -keystore) store=$2;; -file) file=$2;; esac
  shift
done
if [ -n "$file" ]; then echo certificate $$ > "$file"; else echo key $$ > "$store"; fi
"""
NAMES = ("conf.yaml", "logback.xml", "localhost.p12", "localhost.pem")
REMOTE = "https://api.ibkr.com"


@pytest.fixture
def keytool(tools: Path) -> None:
    program(tools, "keytool", KEYTOOL)


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return mode and content of each file in a folder; the content of a link is its target."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mode,
            str(path.readlink()).encode() if path.is_symlink() else path.read_bytes(),
        )
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def refused(folder: Path, match: str) -> None:
    before, mode = contents(folder), folder.stat().st_mode
    with pytest.raises(bezant.BezantError, match=match):
        _gateway_files.Files(folder).write(5000, REMOTE)
    assert contents(folder) == before
    assert folder.stat().st_mode == mode
    assert [each.name for each in folder.iterdir() if each.is_dir()] == []


@pytest.mark.usefixtures("keytool")
def test_files_are_written_again_at_each_start(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "data"
    files = _gateway_files.Files(folder)
    files.write(5000, REMOTE)
    assert folder.stat().st_mode & 0o777 == 0o700
    first = contents(folder)
    assert set(first) == {*NAMES, "bezant-files.json"}
    files.write(5001, "http://x")
    second = contents(folder)
    assert set(second) == set(first)
    assert b"listenPort: 5001" in second["conf.yaml"][1]
    assert b"proxyRemoteSsl: false" in second["conf.yaml"][1]
    for name in ("conf.yaml", "localhost.p12", "localhost.pem"):
        assert first[name][1] != second[name][1]
    for name in NAMES:
        (folder / name).unlink()
    files.write(5000, REMOTE)
    assert set(contents(folder)) == set(first)


@pytest.mark.usefixtures("keytool")
@pytest.mark.parametrize("mode", [0o1777, 0o755, 0o700])
def test_a_folder_that_is_there_keeps_its_mode_and_its_files(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(mode)
    (folder / "notes.txt").write_text("mine")
    _gateway_files.Files(folder).write(5000, REMOTE)
    assert folder.stat().st_mode & 0o7777 == mode
    assert (folder / "notes.txt").read_text() == "mine"
    for name in ("conf.yaml", "localhost.p12"):
        assert (folder / name).stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("keytool")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["file", "folder", "link", "dangling link"])
def test_foreign_files_are_never_replaced(tmp_path: Path, name: str, kind: str) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o755)
    elsewhere = tmp_path / "elsewhere"
    if kind == "link":
        elsewhere.write_text("precious")
    if kind == "file":
        (folder / name).write_text("precious")
    elif kind == "folder":
        (folder / name).mkdir()
    else:
        (folder / name).symlink_to(elsewhere)
    if kind == "folder":
        with pytest.raises(bezant.BezantError, match=f"contains {name}, which"):
            _gateway_files.Files(folder).write(5000, REMOTE)
        assert [each.name for each in folder.iterdir()] == [name]
        return
    refused(folder, f"contains {name}, which .* did not write .* nothing was changed")
    assert elsewhere.exists() == (kind == "link")


@pytest.mark.usefixtures("keytool")
@pytest.mark.parametrize("name", NAMES)
def test_files_that_were_changed_since_are_not_replaced(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "data"
    _gateway_files.Files(folder).write(5000, REMOTE)
    path = folder / name
    path.write_text(path.read_text() + "# mine")
    refused(folder, f"{name} in .* was edited after .* nothing was changed")
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    refused(folder, f"contains {name}, which")
    path.unlink()
    _gateway_files.Files(folder).write(5000, REMOTE)


@pytest.mark.usefixtures("keytool")
@pytest.mark.parametrize("text", ["", "[]", "{}", '{"files":[]}', '{"files":{"x":5}}', "\xff"])
def test_an_unreadable_manifest_is_an_error(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "data"
    _gateway_files.Files(folder).write(5000, REMOTE)
    (folder / "bezant-files.json").write_bytes(text.encode("latin-1"))
    refused(folder, "cannot read .* nothing was changed")
    (folder / "bezant-files.json").unlink()
    (folder / "bezant-files.json").symlink_to(tmp_path / "elsewhere")
    refused(folder, "symbolic link")
    (folder / "bezant-files.json").unlink()
    refused(folder, "contains conf.yaml, logback.xml, localhost.pem and localhost.p12, which")


@pytest.mark.usefixtures("keytool")
@pytest.mark.parametrize("last", range(6))
def test_an_interrupted_run_leaves_what_the_next_one_replaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: int
) -> None:
    folder = tmp_path / "data"
    files = _gateway_files.Files(folder)
    files.write(5000, REMOTE)
    replaced = 0
    replace = Path.replace

    def interrupted(self: Path, target: Path) -> Path:
        nonlocal replaced
        if replaced == last:
            raise KeyboardInterrupt
        replaced += 1
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    for _ in range(2):
        replaced = 0
        with pytest.raises(KeyboardInterrupt):
            files.write(5000, REMOTE)
        assert set(contents(folder)) == {*NAMES, "bezant-files.json"}
    monkeypatch.undo()
    files = _gateway_files.Files(folder)
    monkeypatch.setenv("PATH", str(tmp_path / "tools"))
    files.write(5000, REMOTE)


def test_a_failing_tool_leaves_the_old_files(tools: Path, tmp_path: Path) -> None:
    program(tools, "keytool", KEYTOOL)
    folder = tmp_path / "data"
    _gateway_files.Files(folder).write(5000, REMOTE)
    program(tools, "keytool", "exit 1")
    refused(folder, "keytool could not make the certificate")


SERVER = """
import signal, sys, threading
from bezant.cli import _gateway
_gateway._wait_until_up = lambda *arguments: None
_gateway.Files.write = lambda self, port, remote: self.folder.mkdir(exist_ok=True)
sys.exit(_gateway.run(sys.argv[1], port=int(sys.argv[2]), data=sys.argv[3]))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_with_a_signal_and_takes_java_along(
    tools: Path, home: Path, port: int, tmp_path: Path, number: signal.Signals
) -> None:
    program(
        tools,
        "java",
        f'case "$1" in -version) echo \'version "17"\';; '
        f"*) echo $$ > {tmp_path / 'pid'}; exec /bin/sleep 60;; esac",
    )
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(home), str(port), str(tmp_path / "data")],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stdout is not None
    while "Stop it with Ctrl-C" not in (line := process.stdout.readline()):
        assert line
    deadline = time.monotonic() + 50
    # The shell creates the file before it writes the number.
    written = tmp_path / "pid"
    while not (written.exists() and written.read_text()) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(number)
    out, _ = process.communicate(timeout=50)
    assert process.returncode == 0
    assert "was stopped" in out
    pid = int(written.read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
