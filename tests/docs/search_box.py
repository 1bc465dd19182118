"""The built site in a browser."""

from __future__ import annotations

import json
from typing import Any

from tests.support.browser import Browser

# The search's dialog is in the shadow tree of an element.
_DIALOG = (
    "[...document.querySelectorAll('*')].map(each => each.shadowRoot)"
    ".find(root => root && root.querySelector('[role=combobox]'))"
)
_OPEN = f"!!(({_DIALOG})?.querySelector('dialog[open]'))"
_HITS = f"""(() => {{
  const root = {_DIALOG};
  const status = root.querySelector('[role=status]').textContent;
  const links = [...root.querySelectorAll('[role=listbox] a')].map(each => each.href);
  return [status, links];
}})()"""


class Search:
    """The search of the site: types queries and reads the hits.

    Args:
        browser: the browser. Another test may use it between two queries.
        url: address of the site.
    """

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser, self._url = browser, url

    def _open(self) -> None:
        if self._browser.evaluate(_OPEN):
            return
        self._browser.view(1280, 900, dark=False)
        self._browser.open(self._url)
        self._browser.evaluate("document.querySelector('.md-search__button').click()")
        self._browser.wait_for(_OPEN)

    def pages(self, query: str) -> list[str]:
        """Return the pages of the first hits, best first, without the final slash."""
        self._open()
        self._type("")
        self._browser.wait_for(f"{_HITS}[1].length === 0")
        self._type(query)
        text = json.dumps(query)
        typed = f"({_DIALOG}).querySelector('[role=combobox]').value === {text}"
        self._browser.wait_for(f"{typed} && /^\\d|No |^One/.test({_HITS}[0])")
        _, links = self._settled()
        found = [each.removeprefix(self._url).split("#")[0].split("?")[0] for each in links]
        return [each.rstrip("/") for each in found]

    def _type(self, text: str) -> None:
        self._browser.evaluate(
            f"(() => {{ const field = ({_DIALOG}).querySelector('[role=combobox]');"
            " field.focus(); field.select(); })()"
        )
        if text:
            self._browser.send("Input.insertText", text=text)
        else:
            for kind in ("keyDown", "keyUp"):
                self._browser.send(
                    "Input.dispatchKeyEvent", type=kind, key="Backspace", code="Backspace",
                    windowsVirtualKeyCode=8,
                )  # fmt: skip

    def _settled(self) -> Any:
        """Return the hits when they have been the same three times."""
        seen: list[Any] = []
        while True:
            self._browser.evaluate("new Promise(done => setTimeout(done, 30))")
            seen.append(self._browser.evaluate(_HITS))
            if len(seen) > 3 and seen[-1] == seen[-2] == seen[-3]:
                return seen[-1]
