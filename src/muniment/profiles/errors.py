"""What can go wrong with users."""

from muniment.kit.errors import ConflictError, FieldProblem, InvalidInputError, NotFoundError


class UserNotFoundError(NotFoundError):
    """There is no such user in the caller's tenant."""

    code = "user_not_found"
    title = "No such user"

    def __init__(self) -> None:
        super().__init__(
            "There is no user with this id.", hint="GET /api/v1/users lists the users there are."
        )


class UserExistsError(ConflictError):
    """The issuer's subject is a user of this tenant already."""

    code = "user_exists"
    title = "The user is there already"

    def __init__(self) -> None:
        super().__init__(
            "This subject of this issuer is a user already.",
            hint="Find it with GET /api/v1/users?q=<subject>.",
        )


class OwnAccountError(ConflictError):
    """An administrator may not lock themselves out."""

    code = "own_account"
    title = "Not with one's own account"

    def __init__(self) -> None:
        super().__init__(
            "You cannot disable or erase your own account.",
            hint="Ask another administrator to do it.",
        )


class TooManyPreferencesError(InvalidInputError):
    """The change would leave more preferences than a profile may hold."""

    code = "too_many_preferences"
    title = "Too many preferences"

    def __init__(self, most: int) -> None:
        detail = f"A profile holds at most {most} preferences."
        super().__init__(
            detail,
            hint="Remove some by setting them to null in the same request.",
            errors=(FieldProblem("body", "/preferences", self.code, detail),),
        )
