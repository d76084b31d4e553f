"""Who asks: the one local person, or in public mode whoever the session cookie names."""

import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from workingpapers.daily.accounts import STRANGER, Person, local_person, person_of_session, stranger
from workingpapers.errors import WorkingPapersError

if TYPE_CHECKING:
    from workingpapers.web.state import PageState

_RANKS = {STRANGER: 0, "reader": 1, "curator": 2, "admin": 3}
_REMEMBERED = 1000
_REMEMBER_S = 30.0


class PermissionRefusedError(WorkingPapersError, PermissionError):
    """Somebody asked for what their role does not allow."""


def person_of(request: Request) -> Person:
    """The person who sent this request; a stranger where it was refused before that was known."""
    person: Person | None = getattr(request.state, "person", None)
    return person if person is not None else stranger()


def require(request: Request, role: str, what: str = "this") -> Person:
    """The person who sent this request, who has at least `role`.

    Args:
        request: What they sent.
        role: `reader`, `curator` or `admin`; each may do what those before it may.
        what: What they want to do, for the message, such as `submitting a paper`.

    Raises:
        PermissionRefusedError: their role does not reach.
    """
    person = person_of(request)
    if _RANKS.get(person.role, 0) < _RANKS[role]:
        if not person.signed_in:
            raise PermissionRefusedError(f"{what} needs the role {role}, and you are not signed in; do so at /sign-in")
        raise PermissionRefusedError(
            f"{what} needs the role {role}, and yours is {person.role}; ask who runs this page for it"
        )
    return person


def cookie_name(*, secure: bool) -> str:
    """The session cookie's name; over https the prefix binds it to this host."""
    return "__Host-workingpapers" if secure else "workingpapers"


class PeopleMiddleware:
    """Sets `request.state.person` for every request.

    Args:
        app: What comes behind.
        state: The server's parts.
    """

    def __init__(self, app: ASGIApp, state: "PageState") -> None:
        self.app = app
        self.state = state
        self._known: OrderedDict[str, tuple[int, float, Person | None]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Find the person, then pass the request on."""
        if scope["type"] == "http":
            scope.setdefault("state", {})["person"] = await self._person(Request(scope))
        await self.app(scope, receive, send)

    async def _person(self, request: Request) -> Person:
        if not self.state.settings.public:
            return local_person()
        token = request.cookies.get(cookie_name(secure=self.state.settings.secure))
        if not token or len(token) > 200:
            return stranger()
        version, now = self.state.database.version(), time.monotonic()
        found = self._known.get(token)
        if found is None or found[0] != version or found[1] < now:
            # any commit, such as a sign-out, makes it look again
            found = (version, now + _REMEMBER_S, await run_in_threadpool(self._look_up, token))
            self._known[token] = found
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return found[2] or stranger()

    def _look_up(self, token: str) -> Person | None:
        with self.state.database.read() as session:
            return person_of_session(session, token)
