"""The main journey of a customer's program, on the client generated from /openapi.json.

    journey.py ADDRESS TOKEN

It runs in an environment of its own, beside the generated package `muniment_client`, and is
checked by mypy against that package's types.
"""

import io
import sys
import time
from typing import TypeVar

from muniment_client import AuthenticatedClient
from muniment_client.api.answers import answer_question
from muniment_client.api.collections import create_collection, delete_collection
from muniment_client.api.documents import (
    delete_document,
    read_document,
    read_text,
    upload_documents,
)
from muniment_client.api.search import search_passages
from muniment_client.api.users import read_my_profile
from muniment_client.models import (
    AnswerRequest,
    CollectionCreate,
    CollectionRead,
    DocumentRead,
    DocumentReadStatus,
    Problem,
    ProfileRead,
    SearchRequest,
    SearchResponse,
    TextRead,
    UploadDocumentsBody,
    UploadedDocuments,
)
from muniment_client.models.answer_read import AnswerRead
from muniment_client.types import File

# The letter outside the first plane shows that offsets count code points.
TEXT = "# Pumps 🧪\n\nThe ballast pump is serviced every 18 months. Spare seals are in cabinet 4.\n"
PATIENCE_S = 60.0
ModelT = TypeVar("ModelT")


def expect(kind: type[ModelT], answer: object) -> ModelT:
    """Give the answer if it is what was hoped for."""
    if not isinstance(answer, kind):
        sys.exit(f"expected {kind.__name__}, got {answer}")
    return answer


def wait_until_ready(client: AuthenticatedClient, document: DocumentRead) -> DocumentRead:
    """Look at a document until it can be found."""
    deadline = time.monotonic() + PATIENCE_S
    while document.status in {DocumentReadStatus.QUEUED, DocumentReadStatus.PROCESSING}:
        if time.monotonic() > deadline:
            sys.exit(f"still {document.status} at {document.progress}")
        time.sleep(0.1)
        document = expect(DocumentRead, read_document.sync(document.id, client=client))
    return document


def main(address: str, token: str) -> None:
    """Walk from the caller's own profile to an answer and back to nothing."""
    client = AuthenticatedClient(base_url=address, token=token)
    me = expect(ProfileRead, read_my_profile.sync(client=client))
    assert "documents:write" in me.permissions, me
    made = create_collection.sync_detailed(client=client, body=CollectionCreate(name="Engine room"))
    collection = expect(CollectionRead, made.parsed)
    upload = UploadDocumentsBody(
        file=[File(io.BytesIO(TEXT.encode()), file_name="pumps.md", mime_type="text/markdown")]
    )
    uploaded = expect(
        UploadedDocuments, upload_documents.sync(collection.id, client=client, body=upload)
    )
    document = wait_until_ready(client, uploaded.documents[0])
    assert document.status is DocumentReadStatus.READY, document.error

    found = expect(
        SearchResponse,
        search_passages.sync(client=client, body=SearchRequest(query="ballast pump", top_k=3)),
    )
    assert found.results[0].document_id == document.id

    question = AnswerRequest(question="How often is the ballast pump serviced?")
    answer = expect(AnswerRead, answer_question.sync(client=client, body=question))
    assert answer.citations, answer
    for citation in answer.citations:
        text = expect(
            TextRead,
            read_text.sync(citation.document_id, client=client, version=citation.version),
        ).text
        assert citation.quote == text[citation.start : citation.end], citation

    deleted = delete_document.sync_detailed(document.id, client=client, if_match="*")
    assert deleted.status_code == 204
    gone = expect(Problem, read_document.sync(document.id, client=client))
    assert (gone.status, gone.code) == (404, "document_not_found"), gone
    emptied = delete_collection.sync_detailed(
        collection.id, client=client, if_match=made.headers["ETag"]
    )
    assert emptied.status_code == 204, emptied
    print(f"{len(answer.citations)} true citations")


if __name__ == "__main__":
    main(*sys.argv[1:])
