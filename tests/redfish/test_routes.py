"""URIs, methods and what is at neither (DSP0266 6.2, 7)."""

from __future__ import annotations

import pytest
from aiohttp import web

from odimra.redfish.messages import Messages
from odimra.redfish.privileges import BadPrivilegeMap, PrivilegeMap, UnknownEntity
from odimra.redfish.resource import REST, Call, Reply, Resource
from odimra.redfish.routes import BadRoute, Routes
from tests.redfish.conftest import Desk, Open


async def handler(call: Call) -> Reply:
    return Reply(204)


async def test_versions_are_told_at_redfish(desk: Desk) -> None:
    answer = await desk.get("/redfish", user=None)
    assert (answer.status, answer.body) == (200, {"v1": "/redfish/v1/"})


async def test_the_root_is_the_same_with_and_without_its_slash(desk: Desk) -> None:
    with_slash = await desk.get("/redfish/v1/", user=None)
    without = await desk.get("/redfish/v1", user=None)
    assert with_slash.status == without.status == 200
    assert with_slash.raw == without.raw


@pytest.mark.parametrize("uri", ["/redfish/v1/Systems", "/redfish/v1/Systems/s1"])
async def test_a_slash_at_the_end_of_a_uri_is_tolerated(desk: Desk, uri: str) -> None:
    with_slash, without = await desk.get(f"{uri}/"), await desk.get(uri)
    assert with_slash.status == 200
    assert with_slash.raw == without.raw


@pytest.mark.parametrize(
    "uri", ["/", "/redfish/v2", "/redfish/v1/Nothing", "/redfish/v1/Systems/s1/x/y", "//", "/%00"]
)
async def test_where_nothing_is_the_answer_is_404_with_a_message(desk: Desk, uri: str) -> None:
    answer = await desk.get(uri)
    assert answer.status == 404
    assert answer.keys == ["InvalidURI"]
    assert answer.headers["OData-Version"] == "4.0"


async def test_a_resource_that_is_not_there_is_404_and_named(desk: Desk) -> None:
    answer = await desk.get("/redfish/v1/Systems/none")
    assert (answer.status, answer.keys) == (404, ["ResourceNotFound"])
    assert answer.messages[0]["MessageArgs"] == ["ComputerSystem", "none"]


@pytest.mark.parametrize("trick", ["s1%2f..", "..%2fs1", "s1%00", "%0d%0aX:y", "%2e%2e%2f"])
async def test_ids_with_encoded_slashes_or_control_characters_are_404(
    desk: Desk, trick: str
) -> None:
    assert (await desk.get(f"/redfish/v1/Systems/{trick}")).status == 404
    assert desk.shop.calls == []


async def test_an_encoded_id_is_the_id_it_stands_for(desk: Desk) -> None:
    answer = await desk.get("/redfish/v1/Systems/%731")
    assert (answer.status, answer.body["Id"]) == (200, "s1")


@pytest.mark.parametrize(
    ("uri", "method", "allow"),
    [
        ("/redfish/v1/", "POST", "GET, HEAD"),
        ("/redfish/v1/", "DELETE", "GET, HEAD"),
        ("/redfish/v1/Systems", "PATCH", "GET, HEAD"),
        ("/redfish/v1/Systems/s1", "DELETE", "GET, HEAD, PATCH"),
        ("/redfish/v1/Systems/s1", "OPTIONS", "GET, HEAD, PATCH"),
        ("/redfish/v1/AccountService/Accounts/a", "POST", "GET, HEAD, PATCH, DELETE"),
        ("/redfish/v1/AccountService/Accounts/Members", "GET", "POST"),
    ],
)
async def test_a_method_that_a_resource_does_not_take_is_405_with_allow(
    desk: Desk, uri: str, method: str, allow: str
) -> None:
    answer = await desk.ask(method, uri)
    assert (answer.status, answer.keys) == (405, ["OperationNotAllowed"])
    assert answer.headers["Allow"] == allow


@pytest.mark.parametrize("method", ["PROPFIND", "LOCK"])
async def test_a_method_of_another_protocol_is_501(desk: Desk, method: str) -> None:
    assert (await desk.ask(method, "/redfish/v1/")).status == 501


@pytest.mark.parametrize("uri", ["/redfish/v1/", "/redfish/v1/Systems", "/redfish/v1/Systems/s1"])
async def test_head_is_get_without_a_body(desk: Desk, uri: str) -> None:
    get, head = await desk.get(uri), await desk.ask("HEAD", uri)
    changing = {"Date"}
    assert (head.status, head.raw) == (200, b"")
    assert {k: v for k, v in head.headers.items() if k not in changing} == {
        k: v for k, v in get.headers.items() if k not in changing
    }


async def test_allow_lists_head_with_get(desk: Desk) -> None:
    answer = await desk.get("/redfish/v1/Systems/s1")
    assert answer.headers["Allow"] == "GET, HEAD, PATCH"


async def test_post_to_members_is_post_to_the_collection(desk: Desk) -> None:
    body = {"UserName": "u", "Password": "p"}
    for uri in (
        "/redfish/v1/SessionService/Sessions",
        "/redfish/v1/SessionService/Sessions/Members",
    ):
        answer = await desk.post(uri, body, user=None)
        assert answer.status == 201
        assert answer.headers["Location"] == "/redfish/v1/SessionService/Sessions/new"
    assert desk.shop.written == [body, body]


async def test_other_faces_of_the_application_are_left_alone(open_desk: Open) -> None:
    async def other(request: web.Request) -> web.Response:
        raise web.HTTPGone(text="mine")

    desk = await open_desk(mount=lambda app: app.router.add_get("/other", other) and None)
    answer = await desk.get("/other", user=None)
    assert (answer.status, answer.raw) == (410, b"mine")


async def test_a_handler_may_stream(open_desk: Open) -> None:
    async def stream(call: Call) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(call.request)
        await response.write(b": hello\n\n")
        await response.write_eof()
        return response

    resource = Resource("/redfish/v1/Stream", "ServiceRoot", get=stream, media="text/event-stream")
    desk = await open_desk(more=[resource])
    answer = await desk.get("/redfish/v1/Stream", user=None, Accept="text/event-stream")
    assert (answer.status, answer.raw) == (200, b": hello\n\n")


# What does not start


def routes(*resources: Resource, privileges: dict[str, object] | None = None) -> Routes:
    document = privileges or {"Thing": {"GET": [["Login"]], "PATCH": [["Login"]]}}
    return Routes(resources, PrivilegeMap.of(document))  # type: ignore[arg-type]


def test_a_route_without_a_privilege_does_not_start() -> None:
    with pytest.raises(UnknownEntity, match="who may GET a Other"):
        routes(Resource("/a", "Other", get=handler))
    with pytest.raises(UnknownEntity, match="who may DELETE a Thing"):
        routes(Resource("/a", "Thing", get=handler, delete=handler))


@pytest.mark.parametrize(
    ("resource", "why"),
    [
        (Resource("/a", "Thing"), "serves no method"),
        (Resource("/a", "Thing", patch=handler), "names no schema for the body of PATCH"),
        (Resource("/a", "Thing", get=handler, members=True), "Members but no POST"),
    ],
)
def test_a_resource_that_is_declared_wrongly_does_not_start(resource: Resource, why: str) -> None:
    with pytest.raises(BadRoute, match=why):
        routes(resource)


def test_two_resources_at_one_path_do_not_start() -> None:
    with pytest.raises(BadRoute, match="two resources are at /a"):
        routes(Resource("/a", "Thing", get=handler), Resource("/a", "Thing", get=handler))


@pytest.mark.parametrize(
    "row",
    [
        {"GET": "Login"},
        {"GET": ["Login"]},
        {"GET": []},
        {"GET": [[]]},
        {"FETCH": [["Login"]]},
        {"PATCH": [["Login"]], "properties": {"Password": {"PATCH": "ConfigureSelf"}}},
    ],
)
def test_a_privilege_map_that_says_nothing_sensible_does_not_start(row: dict[str, object]) -> None:
    with pytest.raises(BadPrivilegeMap, match="Thing"):
        routes(privileges={"Thing": row})


def test_the_privilege_map_of_the_service_can_be_read() -> None:
    assert PrivilegeMap.load().rule("Task", "DELETE").alternatives
    assert Messages.load()


def test_what_is_at_a_uri_is_found_with_its_parts() -> None:
    found = routes(
        Resource("/a/{one}", "Thing", get=handler), Resource("/a/{x}/b/{y}", "Thing", get=handler)
    )
    assert {route.path for route in found} == {"/a/{one}", "/a/{x}/b/{y}"}
    assert found.find("/a/1")[1] == {"one": "1"}  # type: ignore[index]
    assert found.find("/a/%31/b/2/")[1] == {"x": "1", "y": "2"}  # type: ignore[index]
    for nowhere in ("/a", "/a/", "/b", "/a/1/b", "/a//b/1", "/a/1/b/2/c", ""):
        assert found.find(nowhere) is None


def test_a_variable_with_a_pattern_goes_before_one_without() -> None:
    special, below, plain = (
        Resource(path, "Session", get=handler, patterns=patterns)
        for path, patterns in (
            ("/redfish/v1/A/{one}", {"one": r"x\..+"}),
            ("/redfish/v1/A/{one}/{rest}", {"one": r"x\..+", "rest": REST}),
            ("/redfish/v1/A/{id}/B", {}),
        )
    )
    routes = Routes([plain, special, below], PrivilegeMap.load())

    def found(uri: str) -> tuple[str, dict[str, str]] | None:
        route = routes.find(uri)
        return None if route is None else (route[0].path, route[1])

    assert found("/redfish/v1/A/x.1") == (special.path, {"one": "x.1"})
    assert found("/redfish/v1/A/x.1/B") == (below.path, {"one": "x.1", "rest": "B"})
    assert found("/redfish/v1/A/x.1/B/c%20d/") == (below.path, {"one": "x.1", "rest": "B/c d"})
    assert found("/redfish/v1/A/y/B") == (plain.path, {"id": "y"})
    assert found("/redfish/v1/A/y") is None
    assert found("/redfish/v1/A/y/B/C") is None
