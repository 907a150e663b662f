from fastapi import FastAPI

from muniment.kit.answer_headers import answers_with


class TestAnswersWith:
    def test_stands_beside_the_body_in_openapi(self) -> None:
        app = FastAPI()

        @app.post("/things", status_code=201, responses=answers_with(201, "ETag", "Location"))
        async def make_thing() -> int:
            return 1

        described = app.openapi()["paths"]["/things"]["post"]["responses"]["201"]
        assert set(described["headers"]) == {"ETag", "Location"}
        assert described["content"]["application/json"]["schema"]["type"] == "integer"
