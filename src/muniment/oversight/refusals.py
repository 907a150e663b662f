"""What a request was refused, for the audit: noted when the answer is decided, without waiting."""

from http import HTTPStatus
from typing import Final

from starlette.requests import HTTPConnection

from muniment.audit.acts import Action, Actor, Details
from muniment.audit.counting import AuditCounter
from muniment.identity.authentication import Caller
from muniment.identity.dependencies import CALLER_KEY
from muniment.identity.errors import InvalidTokenError, SignInFailedError
from muniment.kit.errors import MunimentError
from muniment.kit.origin import origin
from muniment.kit.route_templates import RouteTemplates
from muniment.revocation.errors import LogoutTokenRefusedError

COUNTER_KEY: Final = "audit_counter"
"""The name of the counter in the state of a request."""
_REFUSALS: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


class RefusalNotes:
    """Notes 401, 403, refused logout tokens and sign-ins that failed.

    Not 404: to tell what is hidden from what is not there would cost another question.
    """

    def __init__(self, templates: RouteTemplates) -> None:
        self._templates = templates

    def __call__(self, connection: HTTPConnection, error: MunimentError) -> None:
        """Note what a request is answered with, if that is a refusal of its caller."""
        counter = connection.scope.get("state", {}).get(COUNTER_KEY)
        is_logout = isinstance(error, LogoutTokenRefusedError)
        sign_in = error if isinstance(error, SignInFailedError | InvalidTokenError) else None
        is_refusal = is_logout or sign_in is not None or error.status in _REFUSALS
        if not is_refusal or not isinstance(counter, AuditCounter):
            return
        token = error if isinstance(error, InvalidTokenError) else None
        route = f"{connection.scope['method']} {self._templates.find(connection.scope)}"
        details = Details(reason=error.code if sign_in is None else sign_in.reason, route=route)
        caller = connection.scope.get(CALLER_KEY)
        if isinstance(caller, Caller):
            actor = caller.principal.actor
            counter.refuse(Action.ACCESS_DENIED, "denied", actor, details)
            return
        known = None if token is None else token.actor
        actor = known or Actor.anonymous(origin().address)
        action = Action.LOGOUT if is_logout else Action.SIGN_IN_REFUSED
        counter.refuse(action, "failed", actor, details)
