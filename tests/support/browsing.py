"""The status page as a browser without scripts sees it: cookies are kept, forms are sent as they stand."""

from __future__ import annotations

from html.parser import HTMLParser

import requests


class Forms(HTMLParser):
    """Finds every form of a page (its address and its hidden fields) and every link by its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: dict[str, dict[str, str]] = {}
        self.links: dict[str, str] = {}
        self._fields: dict[str, str] = {}
        self._link = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a form, or a hidden field of the last one."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._fields = self.found.setdefault(given.get("action", ""), {})
        elif tag == "input" and given.get("type") == "hidden":
            self._fields[given["name"]] = given["value"]
        self._link = given.get("href", "") if tag == "a" else ""

    def handle_data(self, data: str) -> None:
        """Note the text of a link."""
        if self._link and data.strip():
            self.links[data.strip()] = self._link


class Visitor:
    """A user with a browser at one HTTP entry point."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = requests.Session()

    def get(self, path: str, **headers: str) -> requests.Response:
        """Open a page."""
        return self.http.get(self.url + path, headers=headers, timeout=30)

    def sign_in(self, token: str) -> requests.Response:
        """Send the sign-in form."""
        return self.send("/sign-in", "/sign-in", token=token)

    def send(self, page: str, action: str, **fields: str) -> requests.Response:
        """Open `page` and send its form `action` with more fields."""
        hidden = Forms(self.get(page).text).found[action]
        return self.post(action, **(hidden | fields))

    def post(self, action: str, **fields: str) -> requests.Response:
        """Send a form's fields."""
        return self.http.post(self.url + action, data=fields, timeout=30)
