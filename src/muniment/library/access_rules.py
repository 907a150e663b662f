"""Access rules: what an editor writes to narrow a document, and the folded form that walls use."""

from collections.abc import Mapping
from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, model_validator

from muniment.identity.names import PrincipalName
from muniment.ports.access import AttributeValue, Bounds

RuleJson: TypeAlias = dict[str, list[str] | list[dict[str, str | int | list[str | int]]]]
ConditionsJson: TypeAlias = dict[str, dict[str, int | list[str | int]]]

RuleNumber = Annotated[StrictInt, Field(ge=-(2**53), le=2**53)]
"""A whole number that JSON carries exactly; the database could not compare one of any size."""

RuleText = Annotated[StrictStr, Field(min_length=1, max_length=256, pattern=r"^[^\x00]*$")]
"""A text to compare an attribute with; the database takes no NUL."""

RuleValue = RuleNumber | RuleText
"""A value to compare an attribute with."""


class Condition(BaseModel):
    """One demand on an attribute of the caller; exactly one comparison."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    attribute: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$")] = Field(
        description="Name of the caller's attribute; a caller who lacks it fails.",
        examples=["clearance"],
    )
    eq: RuleValue | None = Field(default=None, description="It is exactly this.")
    one_of: Annotated[list[RuleValue], Field(max_length=256)] | None = Field(
        default=None, alias="in", description="It is one of these."
    )
    gte: RuleNumber | None = Field(default=None, description="It is at least this.")
    lte: RuleNumber | None = Field(default=None, description="It is at most this.")

    @model_validator(mode="after")
    def _exactly_one(self) -> "Condition":
        given = [self.eq, self.one_of, self.gte, self.lte]
        if sum(value is not None for value in given) != 1:
            raise ValueError("give exactly one of eq, in, gte and lte")
        return self

    def bounds(self) -> Bounds:
        """Give the demand as bounds."""
        members = [self.eq] if self.eq is not None else self.one_of
        return Bounds(self.gte, self.lte, None if members is None else frozenset(members))


class AccessRule(BaseModel):
    """Narrows a document below its collection: any of these principals, all of these conditions."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "any_of": ["group:/eng"],
                    "all": [
                        {"attribute": "clearance", "gte": 3},
                        {"attribute": "department", "in": ["hr", "legal"]},
                    ],
                }
            ]
        },
    )

    any_of: Annotated[list[PrincipalName], Field(max_length=256)] | None = Field(
        default=None, description="The caller is one of these; absent: anybody with a grant."
    )
    all: Annotated[list[Condition], Field(max_length=64)] | None = Field(
        default=None, description="Every condition holds; absent: there is none."
    )

    def principals(self) -> frozenset[str] | None:
        """Give the principals of `any_of`; None where the rule does not restrict by principal."""
        return None if self.any_of is None else frozenset(self.any_of)

    def conditions(self) -> Mapping[str, Bounds] | None:
        """Fold the conditions into one demand for each attribute; None where there are none."""
        if not self.all:
            return None
        folded: dict[str, Bounds] = {}
        for condition in self.all:
            earlier = folded.get(condition.attribute, Bounds())
            folded[condition.attribute] = _intersection(earlier, condition.bounds())
        return folded


def conditions_to_json(conditions: Mapping[str, Bounds] | None) -> ConditionsJson | None:
    """Write folded conditions as they are stored with the document."""
    if conditions is None:
        return None
    return {name: _bounds_to_json(bounds) for name, bounds in conditions.items()}


def conditions_from_json(stored: ConditionsJson | None) -> Mapping[str, Bounds] | None:
    """Read folded conditions as they are stored with the document."""
    if stored is None:
        return None
    return {name: _bounds_from_json(bounds) for name, bounds in stored.items()}


def _bounds_to_json(bounds: Bounds) -> dict[str, int | list[str | int]]:
    written: dict[str, int | list[str | int]] = {}
    if bounds.gte is not None:
        written["gte"] = bounds.gte
    if bounds.lte is not None:
        written["lte"] = bounds.lte
    if bounds.members is not None:
        written["in"] = sorted(
            bounds.members, key=lambda value: (isinstance(value, str), str(value))
        )
    return written


def _bounds_from_json(stored: dict[str, int | list[str | int]]) -> Bounds:
    gte, lte, members = stored.get("gte"), stored.get("lte"), stored.get("in")
    return Bounds(
        gte=gte if isinstance(gte, int) else None,
        lte=lte if isinstance(lte, int) else None,
        members=frozenset(members) if isinstance(members, list) else None,
    )


def _intersection(one: Bounds, other: Bounds) -> Bounds:
    return Bounds(
        gte=max(_given(one.gte, other.gte), default=None),
        lte=min(_given(one.lte, other.lte), default=None),
        members=_common(one.members, other.members),
    )


def _given(one: int | None, other: int | None) -> list[int]:
    return [value for value in (one, other) if value is not None]


def _common(
    one: frozenset[AttributeValue] | None, other: frozenset[AttributeValue] | None
) -> frozenset[AttributeValue] | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other
