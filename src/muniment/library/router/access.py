"""Routes of a document's access rule."""

from fastapi import APIRouter, Response

from muniment.kit.errors import InvalidInputError
from muniment.kit.etag import PreconditionFailedError, PreconditionRequiredError
from muniment.kit.parameters import ExpectedRevision
from muniment.kit.problems import problem_responses
from muniment.library.dependencies import (
    CanExplainAccess,
    CanReadDocuments,
    CanWriteDocuments,
    Documents,
    Explanations,
    WhoIsAsked,
)
from muniment.library.errors import (
    AccessLocksYouOutError,
    NotAnOwnerError,
)
from muniment.library.router.documents import EDIT_ERRORS, READ_ERRORS, DocumentId
from muniment.library.schemas.documents import AccessBody
from muniment.library.schemas.explanations import AccessExplanationRead
from muniment.library.service.documents import document_etag
from muniment.library.service.presentation import present_rule
from muniment.library.service.rule_check import RULE_ERRORS

router = APIRouter(prefix="/documents/{document_id}/access", tags=["documents"])


@router.get(
    "",
    summary="Read the access rule",
    response_model_exclude_unset=True,
    responses=problem_responses(*EDIT_ERRORS),
)
async def read_access(
    document_id: DocumentId, principal: CanReadDocuments, documents: Documents, response: Response
) -> AccessBody:
    """Read who, of those with access to the collection, may see the document; for editors."""
    view = await documents.read_for_editing(principal, document_id)
    response.headers["ETag"] = document_etag(view.document)
    return AccessBody(rule=present_rule(view.document))


@router.get(
    "/explanation",
    summary="Explain access",
    responses=problem_responses(*READ_ERRORS, NotAnOwnerError, InvalidInputError),
)
async def explain_access(
    document_id: DocumentId,
    principal: CanExplainAccess,
    explanations: Explanations,
    asked: WhoIsAsked,
) -> AccessExplanationRead:
    """Say why a user may read the document or not, part by part; for owners and auditors.

    Groups, roles and attributes of users are not kept. What hangs on them is null, unless they are
    supposed by the parameters, or the caller asks about themselves. An auditor is told who may read
    a document, and nothing that it says.
    """
    return await explanations.explain(principal, document_id, asked)


@router.put(
    "",
    summary="Replace the access rule",
    response_model_exclude_unset=True,
    responses=problem_responses(
        *EDIT_ERRORS,
        *RULE_ERRORS,
        AccessLocksYouOutError,
        PreconditionRequiredError,
        PreconditionFailedError,
    ),
)
async def replace_access(
    document_id: DocumentId,
    body: AccessBody,
    principal: CanWriteDocuments,
    documents: Documents,
    expected: ExpectedRevision,
    response: Response,
) -> AccessBody:
    """Replace the access rule, or remove it; it binds searches from the answer on."""
    view = await documents.restrict(principal, document_id, body.rule, expected)
    response.headers["ETag"] = document_etag(view.document)
    return AccessBody(rule=present_rule(view.document))
