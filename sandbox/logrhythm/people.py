"""People: `/persons/` up to 7.4, `/users/` from 7.5.1; and what the caller may do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.logrhythm.config import Person
from sandbox.logrhythm.replies import Refused, invalid
from sandbox.logrhythm.store import World, world_of

#: When the records of the sandbox were last changed.
_CHANGED = "2024-01-09T12:00:00Z"


async def persons(request: Request) -> Response:
    """Return people as 7.4 shows them; none found is a 404, not an empty array."""
    page = _page(request, version="7.4", status="personStatus", shown=_person)
    if not page:
        raise Refused(404, "Persons not found")
    return JSONResponse(page)


async def users(request: Request) -> Response:
    """Return people as 7.5.1 and later show them."""
    return JSONResponse(_page(request, version="7.5.1", status="userStatus", shown=_user))


async def person(request: Request) -> Response:
    """Return one person (7.4)."""
    return JSONResponse(_person(_one(request, "7.4"), world_of(request)))


async def user(request: Request) -> Response:
    """Return one user (7.5.1 and later)."""
    return JSONResponse(_user(_one(request, "7.5.1"), world_of(request)))


async def login(request: Request) -> Response:
    """Return the login of a user (7.5.1 and later)."""
    person = _one(request, "7.5.1")
    if person.user_id is None:
        raise Refused(404, "User login not found")
    return JSONResponse({**_login(person), "userId": person.id})


async def logins(request: Request) -> Response:
    """Return the logins of all who have one (7.5.1 and later)."""
    world = _admitted(request, "7.5.1")
    people = [person for person in world.config.people if person.user_id is not None]
    return JSONResponse([{**_login(person), "userId": person.id} for person in _slice(request, people)])


async def permissions(request: Request) -> Response:
    """Return what the token's user may do."""
    claims = world_of(request).caller(request)
    writes = claims.rid == "globalAdmin"
    return JSONResponse({"role": claims.rid, "userId": claims.uid, "lists": {"read": True, "write": writes}})


def _page(
    request: Request, *, version: str, status: str, shown: Callable[[Person, World], dict[str, Any]]
) -> list[dict[str, Any]]:
    world = _admitted(request, version)
    query = request.query_params
    wanted = query.get(status, "").lower()
    name = query.get("name", "").lower()
    ids = set(",".join(query.getlist("id")).split(",")) - {""}
    people = [
        person
        for person in world.config.people
        if name in person.full_name.lower()
        and (not wanted or person.status.lower() in wanted.split(","))
        and (not ids or str(person.id) in ids)
    ]
    return [shown(item, world) for item in _slice(request, people)]


def _slice(request: Request, people: list[Person]) -> list[Person]:
    offset, count = _number(request, "offset", 0, 0), _number(request, "count", 100, 1)
    return people[offset : offset + min(count, 1000)]


def _one(request: Request, version: str) -> Person:
    world = _admitted(request, version)
    for person in world.config.people:
        if str(person.id) == request.path_params["id"]:
            return person
    raise Refused(404, "Not found")


def _admitted(request: Request, version: str) -> World:
    """Return the world if the caller is known and this version has the endpoint."""
    world = world_of(request)
    world.caller(request)
    if world.config.mode != version:
        raise Refused(404, "Not Found")
    return world


def _number(request: Request, name: str, default: int, least: int) -> int:
    text = request.query_params.get(name, str(default))
    if not text.isascii() or not text.isdigit() or int(text) < least:
        raise invalid(f"query.{name} must be greater than or equal to {least}")
    return int(text)


def _names(person: Person) -> dict[str, Any]:
    return {
        "id": person.id,
        "firstName": person.first,
        "lastName": person.last,
        "fullName": person.full_name,
        "recordStatusName": person.status,
        "dateUpdated": _CHANGED,
    }


def _person(person: Person, world: World) -> dict[str, Any]:
    kind = "Role" if person.kind == "Role" else "Person"
    record = {**_names(person), "personType": kind, "isAPIPerson": False}
    if person.user_id is not None:
        return {**record, "user": {**_login(person), "personid": person.id}}
    return record if world.config.loginless == "absent" else {**record, "user": {"id": 0}}


def _user(person: Person, world: World) -> dict[str, Any]:
    return {
        **_names(person),
        "userType": person.kind,
        "objectPermissions": {
            "readAccess": "PublicAll",
            "writeAccess": "PublicGlobalAdmin",
            "entity": {"id": -100, "name": "Global Entity"},
            "owner": {"id": person.owner_id, "name": world.owner_name(person.owner_id)},
        },
    }


def _login(person: Person) -> dict[str, Any]:
    return {
        "id": person.user_id,
        "login": person.login,
        "userProfileId": -100,
        "defaultEntityId": 1,
        "recordStatusName": person.status,
        "entities": [],
        "dateUpdated": _CHANGED,
    }
