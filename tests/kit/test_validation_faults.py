from typing import Annotated, Literal

import pytest
from pydantic import AfterValidator, BaseModel, Field, JsonValue, TypeAdapter, ValidationError

from muniment.kit.validation_faults import body_problems, plain_message


def _even(number: float) -> float:
    if number % 2:
        raise ValueError("it must be even")
    return number


Even = Annotated[
    Annotated[int, Field(strict=True)] | Annotated[float, Field(strict=True)],
    AfterValidator(_even),
]
Word = Annotated[str, Field(max_length=3)]
Strict = Annotated[bool, Field(strict=True)]
VALUES: TypeAdapter[object] = TypeAdapter(dict[str, Strict | Even | Word | list[Word]])


class Leaf(BaseModel):
    type: Literal["leaf"]
    size: Even


class Tree(BaseModel):
    type: Literal["tree"]
    parts: list[Annotated["Leaf | Tree", Field(discriminator="type")]] = Field(min_length=1)


TREE: TypeAdapter[object] = TypeAdapter(Annotated[Leaf | Tree, Field(discriminator="type")])


def found(model: TypeAdapter[object], sent: JsonValue) -> dict[str, str]:
    """Give the detail of each fault by its place; one place never has two."""
    with pytest.raises(ValidationError) as caught:
        model.validate_python(sent)
    problems = body_problems(caught.value.errors(), sent, ("body",))
    told = {problem.where: problem.detail for problem in problems}
    assert len(told) == len(problems)
    return told


class TestUnions:
    def test_a_value_that_fits_no_branch_is_one_fault(self) -> None:
        [(where, detail)] = found(VALUES, {"a": {"b": 1}}).items()
        assert where == "/body/a"
        assert detail.startswith("Input should be a valid boolean or a valid integer or ")

    def test_the_branch_of_the_right_type_is_the_one_that_was_meant(self) -> None:
        assert found(VALUES, {"a": "long"}) == {
            "/body/a": "String should have at most 3 characters"
        }
        assert found(VALUES, {"a": 3}) == {"/body/a": "it must be even"}

    def test_the_branch_that_got_furthest_tells_all_of_its_faults(self) -> None:
        assert set(found(VALUES, {"a": ["x", 1, 2], "b": None})) == {
            "/body/a/1",
            "/body/a/2",
            "/body/b",
        }


class TestTags:
    def test_are_no_part_of_the_place(self) -> None:
        leaf: JsonValue = {"type": "leaf", "size": "x"}
        assert set(found(TREE, leaf)) == {"/body/size"}
        assert set(found(TREE, {"type": "tree", "parts": [leaf, {"type": "tree"}]})) == {
            "/body/parts/0/size",
            "/body/parts/1/parts",
        }
        assert set(found(TREE, {"type": "tree", "parts": []})) == {"/body/parts"}

    def test_that_nobody_knows_are_a_fault_of_the_object(self) -> None:
        assert set(found(TREE, {"type": "stone"})) == {"/body"}


class TestPlainMessage:
    def test_leaves_the_name_of_the_exception_out(self) -> None:
        assert plain_message("Value error, it must be even") == "it must be even"
