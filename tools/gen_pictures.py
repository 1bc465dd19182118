"""Write the pictures of the documentation, as SVG.

The diagrams show the steps of a call and of a frame. ``--check`` compares them and writes nothing.
``--terminal`` also runs the command `bezant` on a simulated gateway and writes pictures of what it
prints; their figures differ from run to run, so they are not compared.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import subprocess
import sys
import textwrap
from html import escape
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

IMAGES = ROOT / "docs" / "images"
WIDTH = 360  # a telephone shows the diagram without scaling it
# Key: who does a step. Value: colour of the step's mark.
ACTORS = {
    "your program": "#7c5cbf",
    "client": "#2f6fd6",
    "core": "#2b8a5a",
    "runtime": "#c2571a",
    "gateway": "#7a7a7a",
}
# Name of a set of colours: text, lighter text, box, border of the box.
COLOURS = {
    "light": ("#1d1d1f", "#55555c", "#f6f6f8", "#d3d3da"),
    "dark": ("#ececf0", "#b4b4bd", "#1c1e26", "#41434e"),
}


class Step(NamedTuple):
    """A step of a diagram: who does it, and what."""

    actor: str
    text: str


DIAGRAMS: dict[str, tuple[str, tuple[Step, ...]]] = {
    "call": (
        "Steps of a call, from the method to the model",
        (
            Step("your program", "client.accounts()"),
            Step("client", "takes the operation's row and the type of the result"),
            Step("core", "names the prerequisite, if this session has not sent it yet"),
            Step("runtime", "waits until the rate limiter grants a permit"),
            Step("core", "builds the request"),
            Step("runtime", "sends it and reads the response, within the timeout"),
            Step("core", "reads status, error in the body, and value"),
            Step(
                "core", "after an error: a retry only if the call is idempotent, else an exception"
            ),
            Step("your program", "list[Account], or an exception"),
        ),
    ),
    "frame": (
        "Steps of a frame, from the WebSocket to the message",
        (
            Step("gateway", "sends changes of quotes, orders and accounts"),
            Step("runtime", "reads bytes in the background"),
            Step("core", "cuts out the frames"),
            Step("core", "finds the topic's row, and parses the message"),
            Step("core", "completes it from the newest message about the same subject"),
            Step("core", "puts it into the buffer; what a full buffer drops becomes a Gap"),
            Step("your program", "for message in ws"),
        ),
    ),
}


def diagram(name: str, colours: str) -> str:
    """Return the SVG of a diagram."""
    title, steps = DIAGRAMS[name]
    strong, weak, box, border = COLOURS[colours]
    parts: list[str] = []
    y = 8
    for number, step in enumerate(steps):
        lines = textwrap.wrap(step.text, 42)
        height = 32 + 18 * len(lines)
        if number:
            middle = WIDTH // 2
            parts.append(
                f'<path d="M{middle} {y}v14m-4-5 4 5 4-5" fill="none" stroke="{weak}" '
                'stroke-width="1.5"/>'
            )
            y += 18
        parts.append(
            f'<rect x="8" y="{y}" width="{WIDTH - 16}" height="{height}" rx="6" fill="{box}" '
            f'stroke="{border}"/>'
        )
        colour = ACTORS[step.actor]
        parts.append(f'<rect x="8" y="{y}" width="6" height="{height}" rx="3" fill="{colour}"/>')
        parts.append(
            f'<text x="26" y="{y + 19}" font-size="12" font-weight="600" fill="{weak}">'
            f"{escape(step.actor)}</text>"
        )
        mono = ' font-family="monospace"' if step.actor == "your program" else ""
        for line in lines:
            y += 18
            parts.append(
                f'<text x="26" y="{y + 19}" font-size="14" fill="{strong}"{mono}>'
                f"{escape(line)}</text>"
            )
        y += height - 18 * len(lines) + 2
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 6}" width="{WIDTH}" '
        f'height="{y + 6}" font-family="system-ui, sans-serif" role="img">\n'
        f"<title>{escape(title)}</title>\n{body}\n</svg>\n"
    )


def diagrams() -> dict[Path, str]:
    """Return the text of each diagram's file."""
    return {
        IMAGES / f"{name}-{colours}.svg": diagram(name, colours)
        for name in DIAGRAMS
        for colours in COLOURS
    }


def terminal() -> dict[Path, str]:
    """Run the command on a simulated gateway; return the text of each picture's file."""
    from bezant.sim import SimulatedGateway

    found = {}
    with SimulatedGateway(positions=250) as gateway:
        shown = _printed("health", "--gateway", gateway.base_url)
        found[IMAGES / "health.svg"] = _picture("health", "python -m bezant health", shown)
    shown = _printed("demo", "--seconds", "2")
    # The second half shows the same with the asyncio client.
    shown = shown[: shown.index("asyncio")].rpartition("\n")[0]
    found[IMAGES / "demo.svg"] = _picture("demo", "python -m bezant demo", shown)
    return found


def _printed(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "bezant", *arguments],
        cwd=ROOT,
        env={**os.environ, "FORCE_COLOR": "1", "COLUMNS": "84"},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return done.stdout


def _at_rest(shown: str) -> str:
    """Return the output of a command without the frames of its spinner."""
    shown = re.sub(r"\r|\x1b\[(?:\d*[ABKJ]|\?25[lh])", "", shown)
    # A line of the spinner begins with a Braille pattern, and an empty line may follow it.
    shown = re.sub(r"(?m)^(?:\x1b\[[\d;]*m)*[\u2800-\u28ff].*\n(?:\n(?=.))?", "", shown)
    return shown.strip("\n")


def _picture(name: str, command: str, shown: str) -> str:
    from rich.console import Console
    from rich.text import Text

    console = Console(record=True, file=io.StringIO(), width=86, force_terminal=True)
    console.print(f"$ {command}", style="bold", highlight=False)
    console.print(Text.from_ansi(_at_rest(shown)))
    picture = console.export_svg(title="bezant", unique_id=f"bezant-{name}")
    # The fonts would be loaded from another host.
    picture = re.sub(r"@font-face \{.*?\n    \}\n", "", picture, flags=re.DOTALL)
    picture = picture.replace("Fira Code, monospace", "monospace")
    return "\n".join(line.rstrip() for line in picture.splitlines()) + "\n"


def main() -> int:
    """Write the pictures, or compare the diagrams with `--check`; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    parser.add_argument("--terminal", action="store_true", help="also write pictures of commands")
    options = parser.parse_args()
    wanted = diagrams()
    if options.terminal:
        wanted |= terminal()
    stale = 0
    for path, text in wanted.items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale += 1
        if not options.check:
            path.write_text(text, encoding="utf-8")
        said = "stale; run tools/gen_pictures.py" if options.check else "written"
        print(f"{path.relative_to(ROOT)}: {said}")
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
