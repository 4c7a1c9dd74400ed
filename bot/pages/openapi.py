"""What `/api/v1/` answers, as OpenAPI 3.1 describes it."""

from __future__ import annotations

from typing import Any, Final

from bot.pages.asked import MOST_DAYS, OUTCOMES, PER_PAGE, SORTS, STATES

Schema = dict[str, Any]
_TEXT: Final[Schema] = {"type": "string"}
_NUMBER: Final[Schema] = {"type": "integer", "minimum": 0}
_MOMENT: Final[Schema] = {"type": "string", "format": "date-time"}
_DAY: Final[Schema] = {"type": "string", "format": "date"}
_ENDS: Final = ("pass", "warn", "fail", "skip", "error")
_LEVELS: Final = ("off", "advise", "warn", "enforce")


def _maybe(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _object(**properties: Schema) -> Schema:
    return {
        "type": "object",
        "required": list(properties),
        "properties": properties,
        "additionalProperties": False,
    }


def _enum(*values: str) -> Schema:
    return {"type": "string", "enum": list(values)}


def _page_of(name: str, **more: Schema) -> Schema:
    page: Schema = {"type": "integer", "minimum": 1}
    return _object(items=_list(_ref(name)), page=page, per_page=page, total=_NUMBER, next=_maybe(page), **more)


_PROJECT: Final[Schema] = {
    "id": _NUMBER,
    "path": _TEXT,
    "web": _TEXT,
    "state": _enum(*STATES),
    "reason": _maybe(_TEXT),
    "commit": _maybe(_TEXT),
    "judged_at": _MOMENT,
}
_COUNTS: Final = _object(**dict.fromkeys(_ENDS, _NUMBER))
_SINCE: Final = _object(day=_DAY, level=_enum(*_LEVELS))

SCHEMAS: Final[dict[str, Schema]] = {
    "Error": _object(error=_TEXT),
    "Owner": _object(names=_list(_TEXT), source=_maybe(_enum("CODEOWNERS", "author", "Maintainers"))),
    "Due": _object(rule=_TEXT, day=_DAY, why=_enum("now", "begins", "ends"), findings=_NUMBER, fixable=_NUMBER),
    "Failing": _object(rule=_TEXT, level=_enum(*_LEVELS), findings=_NUMBER, fixable=_NUMBER),
    "LetStand": _object(rule=_TEXT, level=_enum(*_LEVELS), until=_TEXT, findings=_NUMBER),
    "Model": _object(
        folder=_TEXT,
        name=_TEXT,
        owner=_ref("Owner"),
        standards={"type": "object", "additionalProperties": _enum(*_ENDS)},
        failing=_list(_ref("Failing")),
        waived=_list(_ref("LetStand")),
    ),
    "Line": _object(**_PROJECT, model=_maybe(_ref("Model")), due=_list(_ref("Due"))),
    "Finding": _object(
        place=_TEXT,
        message=_TEXT,
        fix=_maybe(_enum("safe", "unsafe")),
        waived=_maybe(_TEXT),
        link=_maybe(_TEXT),
        code=_list(_TEXT),
    ),
    "RuleOnModel": _object(
        id=_TEXT,
        standard=_NUMBER,
        level=_enum(*_LEVELS),
        outcome=_enum("pass", "fail", "skip", "error"),
        reason=_maybe(_TEXT),
        findings=_list(_ref("Finding")),
    ),
    "JudgedModel": _object(
        folder=_TEXT,
        name=_TEXT,
        owner=_ref("Owner"),
        due=_list(_ref("Due")),
        template=_maybe(_object(version=_TEXT, behind={"type": "boolean"})),
        rules=_list(_ref("RuleOnModel")),
    ),
    "Episode": _object(
        rule=_TEXT,
        folder=_TEXT,
        since=_MOMENT,
        commit=_maybe(_TEXT),
        fixed=_maybe(_MOMENT),
        fixed_commit=_maybe(_TEXT),
        fixed_by=_maybe(_TEXT),
    ),
    "Project": _object(
        **_PROJECT,
        models=_list(_ref("JudgedModel")),
        waivers=_list(_object(rule=_TEXT, until=_TEXT, findings=_NUMBER)),
        history=_list(_ref("Episode")),
        merge_requests=_list(_object(iid=_NUMBER, title=_TEXT, head=_TEXT, reviewed=_TEXT)),
        kept=_list(
            _object(
                kind=_enum("issue", "merge_request"),
                iid=_maybe(_NUMBER),
                link=_maybe(_TEXT),
                state=_TEXT,
                reason=_maybe(_TEXT),
            )
        ),
    ),
    "Week": _object(day=_DAY, projects=_NUMBER, compliant=_NUMBER, opened=_NUMBER, fixed=_NUMBER),
    "Campaign": _object(
        id=_TEXT,
        group=_maybe(_TEXT),
        day=_DAY,
        level=_enum(*_LEVELS),
        failing=_NUMBER,
        left=_list(_maybe(_NUMBER)),
        acting=_list(_object(name=_TEXT, models=_NUMBER)),
    ),
    "Fleet": _object(
        date=_DAY,
        projects=_object(**dict.fromkeys(STATES, _NUMBER)),
        models=_COUNTS,
        standards=_list(_object(number=_NUMBER, title=_TEXT, share=_maybe(_NUMBER))),
        audit=_object(by=_DAY, failing_now=_NUMBER, failing=_NUMBER),
        trend=_list(_ref("Week")),
        campaigns=_list(_ref("Campaign")),
    ),
    "Rule": _object(id=_TEXT, text=_TEXT, level=_enum(*_LEVELS), since=_list(_SINCE), fix=_TEXT, failing=_NUMBER),
    "Standard": _object(number=_NUMBER, title=_TEXT, law=_TEXT, models=_COUNTS, rules=_list(_ref("Rule"))),
    "Wrong": _object(rule=_TEXT, project=_TEXT, iid=_NUMBER, place=_TEXT, reason=_TEXT, at=_MOMENT),
    "StandardInFull": _object(
        number=_NUMBER,
        title=_TEXT,
        law=_TEXT,
        models=_COUNTS,
        rules=_list(_ref("Rule")),
        text=_TEXT,
        trend=_list(_ref("Week")),
        called_wrong=_list(_ref("Wrong")),
    ),
    "Sweep": _object(
        id=_TEXT,
        started=_MOMENT,
        seconds=_maybe({"type": "number", "minimum": 0}),
        ended=_TEXT,
        counts=_maybe({"type": "object", "additionalProperties": _NUMBER}),
    ),
    "SweepInFull": _object(
        id=_TEXT,
        started=_MOMENT,
        seconds=_maybe({"type": "number", "minimum": 0}),
        ended=_TEXT,
        counts=_maybe({"type": "object", "additionalProperties": _NUMBER}),
        troubles=_maybe(_list(_TEXT)),
        failures=_list(_object(path=_TEXT, reason=_TEXT)),
    ),
    "Job": _object(
        id=_TEXT,
        about=_TEXT,
        state=_enum("running", "waiting", "later", "given up"),
        at=_MOMENT,
        attempt=_maybe(_NUMBER),
        reason=_maybe(_TEXT),
    ),
}
SCHEMAS["Lines"] = _page_of("Line")
SCHEMAS["Standards"] = _page_of("Standard")
SCHEMAS["Sweeps"] = _page_of("Sweep")
SCHEMAS["Jobs"] = _page_of("Job")


def _query(name: str, schema: Schema, text: str) -> Schema:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": text}


def _path(name: str, schema: Schema, text: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": schema, "description": text}


_PAGE: Final = (
    _query("page", {"type": "integer", "minimum": 1, "maximum": 10**9, "default": 1}, "Which page."),
    _query("per_page", {"type": "integer", "minimum": 1, "maximum": PER_PAGE, "default": PER_PAGE}, "How many a page."),
)
_FILTER: Final = (
    _query("group", _TEXT, "Only projects in this group, or below it."),
    _query("standard", _NUMBER, "Only models that are judged by this standard."),
    _query("outcome", _enum(*OUTCOMES), "Only models that stand so, to the standard or to all of them."),
    _query("state", _enum(*STATES), "Only projects of this state; without it those that are, or should be, judged."),
    _query("q", _TEXT, "Only where path, name or owner hold this text."),
    _query("owner", _TEXT, "Only what this owner repairs."),
    _query("due", {"type": "integer", "minimum": 0, "maximum": MOST_DAYS}, "Only what fails within so many days."),
    _query("new", _enum("1"), "Only what does not fail today already."),
)
_SORT: Final = _query("sort", _enum(*SORTS, *(f"-{one}" for one in SORTS)), "The order.")


def _get(summary: str, schema: str, *parameters: Schema) -> Schema:
    def answer(text: str, name: str) -> Schema:
        return {"description": text, "content": {"application/json": {"schema": _ref(name)}}}

    return {
        "get": {
            "summary": summary,
            "parameters": list(parameters),
            "responses": {
                "200": answer("What was asked for.", schema),
                "400": answer("The query makes no sense.", "Error"),
                "401": answer("Nobody is signed in, and no token was shown.", "Error"),
                "404": answer("There is no such thing, or none that you may see.", "Error"),
                "503": answer("The database does not answer; Retry-After says when to ask again.", "Error"),
            },
        }
    }


DOCUMENT: Final[Schema] = {
    "openapi": "3.1.0",
    "info": {
        "title": "snitch",
        "version": "1",
        "description": "How the fleet of model projects keeps the Model Standards. Only what you may see on GitLab.",
    },
    "security": [{"token": []}],
    "paths": {
        "/api/v1/fleet": _get("The fleet in numbers", "Fleet", *_FILTER),
        "/api/v1/projects": _get("The models of the fleet", "Lines", *_FILTER, _SORT, *_PAGE),
        "/api/v1/projects/{path}": _get(
            "One project", "Project", _path("path", _TEXT, "Its path on GitLab; slashes need not be escaped.")
        ),
        "/api/v1/standards": _get("The standards", "Standards", *_PAGE),
        "/api/v1/standards/{number}": _get("One standard", "StandardInFull", _path("number", _NUMBER, "Its number.")),
        "/api/v1/sweeps": _get("The sweeps, the newest first", "Sweeps", *_PAGE),
        "/api/v1/sweeps/{id}": _get("One sweep", "SweepInFull", _path("id", _TEXT, "Its name.")),
        "/api/v1/jobs": _get(
            "The jobs",
            "Jobs",
            _query("state", _enum("alive", "dead"), "What is not done (the default), or what was given up."),
            *_PAGE,
        ),
    },
    "components": {
        "schemas": SCHEMAS,
        "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "SNITCH_API_TOKEN"}},
    },
}
