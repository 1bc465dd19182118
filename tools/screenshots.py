"""Write screenshots of twelve pages of the built site: wide and narrow, light and dark.

``python tools/screenshots.py FOLDER`` writes them for the site in ``site``. It needs Chromium.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.browser import CHROMIUM, Browser, served  # noqa: E402

PAGES = (
    "",
    "run-the-gateway/",
    "client/",
    "orders/",
    "streams/",
    "how-it-works/",
    "reference/",
    "reference/client/",
    "reference/settings/",
    "reference/errors/",
    "operations/market_data/",
    "models/portfolio/",
)
WIDTHS = (1280, 390)


def main() -> int:
    """Write the screenshots; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder for the screenshots")
    parser.add_argument("--site", type=Path, default=ROOT / "site", help="folder of the built site")
    options = parser.parse_args()
    if CHROMIUM is None:
        print("Chromium is not installed: no screenshots", file=sys.stderr)
        return 1
    options.folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        served(options.site) as url,
        Browser(Path(profile)) as browser,
    ):
        for page in PAGES:
            for width in WIDTHS:
                for dark in (False, True):
                    browser.view(width, 900, dark=dark)
                    browser.open(url + page)
                    name = page.strip("/").replace("/", "-") or "start"
                    colours = "dark" if dark else "light"
                    browser.screenshot(options.folder / f"{name}-{width}-{colours}.png")
    print(f"{len(PAGES) * len(WIDTHS) * 2} screenshots are in {options.folder}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
