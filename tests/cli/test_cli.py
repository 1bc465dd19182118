"""Tests of the `bezant` command: output, exit status, and cleanup."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.console import Console

import bezant
import bezant.cli
from bezant.__main__ import main
from bezant.cli import _tour
from bezant.cli._plan import Plan
from bezant.cli._show import Screen
from bezant.cli._tally import Tally
from bezant.models import Account, MarketData, Pnl
from bezant.sim import SimulatedGateway
from tests.core.samples import some
from tests.support.processes import hearing_ctrl_c

PYTHON = (sys.executable, "-W", "error", "-X", "dev")
STEPS = ("health", "keepalive", "accounts", "positions", "symbol", "raw call", "stream")
EXTRAS = ("rich", "starlette", "trustme", "uvicorn")


def environment(**changes: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not is_setting(key)}
    return kept | {"PYTHONIOENCODING": "utf-8"} | changes


def is_setting(key: str) -> bool:
    return key.startswith(("BEZANT_", "IBKR_")) or key in {"NO_COLOR", "FORCE_COLOR"}


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in filter(is_setting, list(os.environ)):
        monkeypatch.delenv(key)


@pytest.fixture
def closed() -> Iterator[str]:
    """Base URL with a port that refuses connections."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"https://127.0.0.1:{taken.getsockname()[1]}/v1/api"


@contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    # A shell makes background programs ignore Ctrl-C, and child processes inherit this, so the
    # default handling is restored first.
    with hearing_ctrl_c():
        process = subprocess.Popen(
            [*PYTHON, "-m", "bezant", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=environment(),
        )
    with process:
        try:
            yield process
        finally:
            process.kill()


def read_until(process: subprocess.Popen[str], word: str, times: int = 1) -> str:
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        times -= word in line
        if not times:
            return "".join(lines)
    raise AssertionError(f"no {word!r} in {lines}")


def run(code: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PYTHON, "-c", code],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environment(**changes),
        timeout=200,
        check=False,
    )


def without_extras(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    return run(f"""
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {EXTRAS!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocker())
from bezant.__main__ import main
raise SystemExit(main({arguments!r}))
""")


UNREAD_MODULE = r"""
^Exception ignored in: <_io\.FileIO name='[^']+\.py'.*>
Traceback \(most recent call last\):
  File "<frozen importlib\._bootstrap_external>".*
ResourceWarning: unclosed file .*
""".lstrip()


def complaints(said: str) -> str:
    """Return a program's output without messages of Python itself that no program can prevent.

    These are asyncio's debug messages about slow callbacks, and the warning about a module's file
    that stays open if Ctrl-C comes while Python reads it.
    """
    said = re.sub(r"^Executing <.*> took [\d.]+ seconds\n", "", said, flags=re.MULTILINE)
    return re.sub(UNREAD_MODULE, "", said, flags=re.MULTILINE)


def one_line(text: str) -> str:
    assert text.count("\n") == 1, text
    assert text.endswith("\n")
    assert text.startswith("bezant: ")
    return text


def test_the_demo_shows_every_step_of_both_twins_in_time(closed: str) -> None:
    began = time.monotonic()
    done = subprocess.run(
        [*PYTHON, "-m", "bezant", "demo"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        # The demo must ignore these variables, because it uses the simulated gateway and its
        # account.
        env=environment(BEZANT_GATEWAY_URL=closed, IBKR_GATEWAY_URL=closed, IBKR_ACCOUNT_ID="DU42"),
        timeout=200,
        check=False,
    )
    assert (done.returncode, complaints(done.stderr)) == (0, "")
    assert time.monotonic() - began < 100
    assert "\x1b" not in done.stdout
    head, *twins = re.split(r"^== (?:Blocking|asyncio).* ==$", done.stdout, flags=re.MULTILINE)
    assert "simulated gateway" in head
    assert len(twins) == 2
    for twin in twins:
        names = re.findall(r"^[✓·] (\w+(?: \w+)?) {2,}", twin, flags=re.MULTILINE)
        assert tuple(dict.fromkeys(names)) == STEPS
        assert "✗" not in twin
        assert "looking at DU42" in twin
        assert "250 positions on 3 pages (100 + 100 + 50)" in twin
        assert re.search(r"total USD +[\d,]+\.\d\d$", twin, flags=re.MULTILINE)
        assert re.search(r"AAPL is conid 265598: \S+ m?s from .* us from the cache", twin)
        assert re.search(r"[1-9]\d* quotes, [1-9]\d* order updates, [1-9]\d* PnL updates", twin)
        assert re.search(r"last quote: AAPL  last \S+  bid \S+  ask \S+", twin)
        assert re.search(r"last success at \d\d:\d\d:\d\d", twin)


@pytest.mark.parametrize("command", ["demo", "health"])
def test_no_gateway_ends_with_one_line(command: str, closed: str) -> None:
    done = subprocess.run(
        [*PYTHON, "-m", "bezant", command, "--gateway", closed],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environment(),
        timeout=200,
        check=False,
    )
    assert done.returncode == 2
    assert closed.removesuffix("/v1/api") in one_line(complaints(done.stderr))
    assert "Traceback" not in done.stdout


@pytest.mark.parametrize("command", ["demo", "health"])
def test_logged_out_asks_for_the_login(
    command: str, gateway: SimulatedGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.logout()
    assert main([command, "--gateway", gateway.base_url]) == 2
    said = one_line(capsys.readouterr().err)
    assert "browser" in said
    assert gateway.root_url in said


def test_the_demo_tours_a_given_gateway_and_changes_nothing_there(
    gateway: SimulatedGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--gateway", gateway.base_url, "--seconds", "0.1"]) == 0
    shown = capsys.readouterr().out
    assert "your gateway" in shown
    assert shown.count("250 positions") == 2
    posts = {each.path for each in gateway.requests if each.method != "GET"}
    assert posts == {"/v1/api/iserver/auth/status", "/v1/api/tickle"}
    assert len(gateway.ws_connections) == 2
    deadline = time.monotonic() + 30
    while not all(each.closed for each in gateway.ws_connections):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_steps_that_cannot_work_are_shown_and_the_tour_continues(
    gateway: SimulatedGateway,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IBKR_SYMBOL", "NOSUCH")
    gateway.faults.fail_next("/portfolio/accounts", 403, times=2)
    gateway.faults.fail_next("/iserver/accounts", 500, times=2)
    assert main(["demo", "--gateway", gateway.base_url, "--seconds", "1.5"]) == 0
    shown = capsys.readouterr().out
    assert shown.count("✗ accounts") == 2
    assert shown.count("· positions  skipped") == 2
    assert shown.count("✗ symbol") == 2
    assert "NOSUCH" in shown
    assert shown.count("✗ raw call") == 2
    assert len(re.findall(r"stream +0 quotes, [1-9]\d* order updates", shown)) == 2
    assert "last quote" not in shown


def test_an_account_that_the_login_does_not_see_is_named(
    gateway: SimulatedGateway,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IBKR_ACCOUNT_ID", "U999")
    assert main(["demo", "--gateway", gateway.base_url]) == 1
    said = one_line(capsys.readouterr().err)
    assert "U999" in said
    assert gateway.account_id in said


@pytest.mark.parametrize(
    ("path", "status", "code"), [("/ws", 503, 1), ("/iserver/auth/status", 404, 1)]
)
def test_errors_that_end_the_tour_have_an_exit_status(
    path: str,
    status: int,
    code: int,
    gateway: SimulatedGateway,
    capsys: pytest.CaptureFixture[str],
) -> None:
    gateway.faults.fail_next(path, status, times=9)
    assert main(["demo", "--gateway", gateway.base_url, "--seconds", "0.1"]) == code
    shown = capsys.readouterr()
    one_line(shown.err)
    assert shown.out.count("the tour ends here") == 1


def test_a_certificate_can_be_asked_for(
    gateway: SimulatedGateway, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_bytes(gateway.certificate_pem)
    asked = ["health", "--gateway", gateway.base_url, "--verify"]
    assert main([*asked, "true"]) == 2
    assert "verify" in one_line(capsys.readouterr().err)
    assert main([*asked, str(authority)]) == 0
    assert main([*asked, "False"]) == 0


def test_health_prints_the_flags(
    gateway: SimulatedGateway,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BEZANT_GATEWAY_URL", gateway.base_url)
    assert main(["health"]) == 0
    shown = capsys.readouterr()
    assert re.search(r"^established +yes$", shown.out, flags=re.MULTILINE)
    assert re.search(r"^competing +no$", shown.out, flags=re.MULTILINE)
    assert re.search(r"^login +yes$", shown.out, flags=re.MULTILINE)
    assert shown.err == ""


def test_health_for_other_programs(
    gateway: SimulatedGateway, capsys: pytest.CaptureFixture[str], closed: str
) -> None:
    def ask(address: str) -> tuple[int, dict[str, object], str]:
        code = main(["health", "--json", "--timeout", "5", "--gateway", address])
        shown = capsys.readouterr()
        assert shown.out.count("\n") == 1
        return code, json.loads(shown.out), shown.err

    flags = {"authenticated": True, "established": True, "connected": True, "competing": False}
    assert ask(gateway.base_url) == (
        0,
        {"gateway": gateway.base_url, "ready": True, **flags, "error": None},
        "",
    )
    gateway.compete()
    code, said, complaint = ask(gateway.base_url)
    assert (code, said["ready"], said["competing"]) == (2, False, True)
    assert isinstance(said["error"], dict)
    assert said["error"]["type"] == "CompetingSession"
    assert said["error"]["needs_login"] is False
    assert one_line(complaint) == f"bezant: {said['error']['message']}\n"
    code, said, _ = ask(closed)
    assert (code, said["authenticated"]) == (2, None)
    assert "ConnectFailed" in str(said["error"])
    code, said, _ = ask("localhost:5000")
    assert (code, said["gateway"], said["ready"]) == (1, "localhost:5000", False)


def test_health_without_a_standard_output(gateway: SimulatedGateway) -> None:
    done = run(f"""
import sys
from bezant.__main__ import main
sys.stdout = None
raise SystemExit(main(["health", "--gateway", {gateway.base_url!r}]))
""")
    assert (done.returncode, complaints(done.stderr)) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["demo", "--seconds", "abc"],
            "--seconds: must be a number of seconds above 0 and up to 2,000,000, not 'abc'",
        ),
        (["demo", "--seconds", "nan"], "--seconds: must be a number of seconds above 0"),
        (
            ["health", "--timeout", "0"],
            "--timeout: must be a number of seconds above 0 and up to 2,000,000, not '0'",
        ),
        (["demo", "--positions", "1.5"], "--positions: must be a whole number of at least 0"),
        (["sim", "--positions", "-1"], "--positions: must be a whole number of at least 0"),
        (["sim", "--port", "x"], "--port: must be a port from 0 to 65535, not 'x'"),
        (["sim", "--port", "65536"], "--port: must be a port from 0 to 65535, not '65536'"),
    ],
)
def test_a_wrong_option_says_what_it_may_be(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_health_prints_the_flags_of_a_session_that_cannot_be_used(
    gateway: SimulatedGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.unestablish()
    assert main(["health", "--gateway", gateway.base_url]) == 2
    shown = capsys.readouterr()
    assert re.search(r"^authenticated +yes$", shown.out, flags=re.MULTILINE)
    assert re.search(r"^established +no$", shown.out, flags=re.MULTILINE)
    assert "ready" not in shown.out
    one_line(shown.err)


def test_health_distinguishes_a_closed_brokerage_session_from_a_lost_login(
    gateway: SimulatedGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["health", "--gateway", gateway.base_url]
    gateway.drop_brokerage()
    assert main(asked) == 2
    shown = capsys.readouterr()
    assert re.search(r"^login +yes$", shown.out, flags=re.MULTILINE)
    assert re.search(r"^authenticated +no$", shown.out, flags=re.MULTILINE)
    assert "client.session.initialize()" in one_line(shown.err)
    gateway.logout()
    assert main(asked) == 2
    shown = capsys.readouterr()
    assert re.search(r"^login +no$", shown.out, flags=re.MULTILINE)
    assert "in a browser" in one_line(shown.err)
    assert main([*asked, "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["needs_login"] is True


def test_an_address_that_does_not_parse_is_another_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["health", "--gateway", "ftp://localhost"]) == 1
    one_line(capsys.readouterr().err)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"bezant {bezant.__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["demo", "--seconds", "0"],
        ["demo", "--seconds", "nan"],
        ["demo", "--positions", "-1"],
        ["sim", "--port", "65536"],
    ],
)
def test_wrong_arguments_are_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: bezant" in capsys.readouterr().err


def test_help_and_health_need_no_extras(gateway: SimulatedGateway) -> None:
    for arguments in (["--help"], ["health", "--gateway", gateway.base_url]):
        done = without_extras(arguments)
        assert (done.returncode, complaints(done.stderr)) == (0, "")


@pytest.mark.parametrize("command", ["demo", "sim"])
def test_missing_extras_are_named(command: str) -> None:
    done = without_extras([command])
    assert (done.returncode, done.stdout) == (2, "")
    assert 'pip install "bezant[all]"' in one_line(complaints(done.stderr))


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for one process")
@pytest.mark.parametrize("twin", [1, 2], ids=["blocking", "asyncio"])
def test_ctrl_c_ends_the_demo_cleanly(twin: int) -> None:
    # "raw call" is the last output before the stream begins, so the signal interrupts the stream.
    with started("demo", "--seconds", "60" if twin == 1 else "2") as process:
        read_until(process, "raw call", twin)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=100)
        assert complaints(said) == "bezant: interrupted\n"
        # If Python was evaluating text at that moment, as it does to define a named tuple while a
        # module is imported, it ends the process with the signal itself. Shells show 130 for both.
        assert process.returncode in (130, -signal.SIGINT)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for one process")
def test_sim_serves_until_ctrl_c(capsys: pytest.CaptureFixture[str]) -> None:
    with started("sim", "--port", "0", "--positions", "7", "--seed", "3") as process:
        shown = read_until(process, "Ctrl-C")
        address = re.search(r"https://\S+", shown)
        assert address
        assert "7 positions, seed 3" in shown
        assert main(["health", "--gateway", address[0]]) == 0
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=100)
        assert (process.returncode, complaints(said)) == (0, "")
    assert "ready" in capsys.readouterr().out


def test_sim_with_everything(tmp_path: Path) -> None:
    scenario = tmp_path / "small.toml"
    scenario.write_text('[[positions]]\ncontract = "AAPL"\nquantity = 1\n')
    arguments = ("--scenario", str(scenario), "--time", "hand", "--pacing", "enforced")
    with started("sim", "--port", "0", *arguments) as process:
        shown = read_until(process, "Ctrl-C")
        address = re.search(r"https://\S+", shown)
        assert address
        assert f"{scenario}; time hand, pacing enforced" in shown
        for line in ("curl -sk -X POST", "import bezant", f"{address[0][:-7]}/_control/state"):
            assert line in shown
        with bezant.Client(address[0], pacing=False, retries=0) as client:
            assert len(client.all_positions("DU1234567")) == 1
            with pytest.raises(bezant.RateLimited):
                client.request("GET", "/portfolio/accounts")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--scenario", "none.toml"), "none.toml: can't read the scenario: No such file"),
        (("--time", "soon"), "time must be live, hand or fast=N"),
    ],
)
def test_sim_that_cannot_begin(
    arguments: tuple[str, str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sim", "--port", "0", *arguments]) == 1
    assert f"bezant: {complaint}" in capsys.readouterr().err


def shown_on_a_terminal(gateway: SimulatedGateway) -> str:
    file = io.StringIO()
    console = Console(
        file=file, force_terminal=True, color_system="truecolor", width=100, highlight=False
    )
    plan = Plan(gateway.base_url, "auto", 0.1, "AAPL", None)
    _tour.tour(plan, Screen(console))
    return file.getvalue()


def test_a_terminal_gets_colours_and_boxes(gateway: SimulatedGateway) -> None:
    shown = shown_on_a_terminal(gateway)
    assert "\x1b[32m✓" in shown
    assert "───" in shown
    assert "AAPL is conid 265598" in shown


def test_no_color_is_respected(gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    shown = shown_on_a_terminal(gateway)
    assert "✓" in shown
    assert not re.search(r"\x1b\[[0-9;]*3\d[;m]", shown)


def test_a_terminal_without_unicode_gets_plain_marks() -> None:
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding="ascii", write_through=True) as file:
        screen = Screen(Console(file=file, force_terminal=True, color_system=None, width=80))
        screen.opening("title", ["line"])
        screen.chapter("chapter")
        with screen.step("works", "working"):
            pass
        with screen.step("fails", "failing"):
            raise bezant.SymbolNotFound("unknown")
        shown = raw.getvalue().decode("ascii")
    assert re.search(r"\+ +works", shown)
    assert re.search(r"x +fails +unknown", shown)


def test_the_two_drivers_of_the_tour_differ_in_nothing_else() -> None:
    folder = Path(bezant.cli.__file__).parent
    sources = [(folder / name).read_text("utf-8") for name in ("_tour_async.py", "_tour.py")]
    texts = [source.partition("def tour")[2].partition('"""\n')[2] for source in sources]
    assert texts[0] != texts[1]
    # The names differ in length, so lines break at different places. The comparison therefore
    # ignores white space.
    spaced = [re.sub(r"\s+", "", text) for text in texts]
    without = re.sub(r"async(?=with|for|def)|await(?=client|symbols|ws|_)|Async", "", spaced[0])
    assert without == spaced[1]


def test_the_quote_is_that_of_the_last_message() -> None:
    tally = Tally("AAPL")
    assert "no quotes of AAPL" in tally.lines[0]
    assert "market may be closed" in tally.lines[0]
    first, change = {"86": "10.2", "31": "C10.00"}, {"84": "1,000.1"}
    tally.add(MarketData(conid=1, conid_ex="1", raw=first))
    tally.add(MarketData(conid=1, conid_ex="1", raw=change, state={**first, **change}))
    tally.add(Pnl(account_id="DU1"))
    assert tally.lines == [
        "last quote: AAPL  last 10.00  bid 1,000.1  ask 10.2  (last is the prior close)"
    ]
    assert tally.counts == "2 quotes, 0 order updates, 1 PnL updates, 0 others"
    tally.add(None)
    assert tally.ended
    assert tally.lines[-1] == "the gateway closed the stream early"


def test_a_login_without_accounts_is_an_error() -> None:
    plan = Plan("https://localhost:5000/v1/api", "auto", 1.0, "AAPL", None)
    assert (
        plan.choose([some(Account), some(Account, account_id="U2"), some(Account, account_id="U1")])
        == "U2"
    )
    with pytest.raises(bezant.BezantError, match="no account"):
        plan.choose([some(Account)])
