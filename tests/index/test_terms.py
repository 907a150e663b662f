import threading

import pytest

from muniment.index.terms import ALGORITHMS, MAX_TERM_ID, TermAnalyzer, is_function_word, term_id


def terms(text: str, language: str = "en") -> list[str]:
    analyzer = TermAnalyzer()
    return [analyzer.term(word, language) for word in analyzer.words(text, language)]


class TestTerms:
    @pytest.mark.parametrize(
        ("text", "language", "expected"),
        [
            ("Running MILLS, ran!", "en", ["run", "mill", "ran"]),
            ("The miller\u2019s house", "en", ["the", "miller", "hous"]),
            ("ISO-27001 user_id v2.1 10,000.50", "en", ["iso", "27001", "user", "id"]),
            ("ﬁnal \uff21\uff22\uff23", "en", ["final", "abc"]),
            ("Zürich Häuser", "de", ["zurich", "haus"]),
            ("l'étude études", "fr", ["l", "etud", "etud"]),
            ("дома домов", "ru", ["дом", "дом"]),
            ("文書館", "zh", ["文書", "書館"]),
            ("水 AI研究", "ja", ["水", "ai", "研究"]),
            ("हिन्दी में", "xx", ["हिन्दी", "में"]),
            ("running", "xx", ["running"]),
            ("... — ?!", "en", []),
        ],
    )
    def test_are_folded_and_stemmed_by_language(
        self, text: str, language: str, expected: list[str]
    ) -> None:
        assert terms(text, language)[: len(expected)] == expected
        if not expected:
            assert terms(text, language) == []

    def test_numbers_stay_whole(self) -> None:
        assert terms("v2.1 10,000.50 3.14")[-2:] == ["10,000.50", "3.14"]

    def test_accents_may_be_left_out_of_a_query(self) -> None:
        assert terms("café Résumé") == terms("cafe Resume")

    def test_long_words_are_cut(self) -> None:
        assert [len(term) for term in terms("x" * 100_000)] == [64]

    @pytest.mark.parametrize("language", sorted(ALGORITHMS))
    def test_every_named_stemmer_exists(self, language: str) -> None:
        assert TermAnalyzer().term("abc", language)

    def test_one_analyzer_serves_many_threads(self) -> None:
        words = [f"{stem}{ending}" for stem in ("mill", "deed", "keep") for ending in ("s", "ing")]
        words = [f"{chr(97 + number % 26)}{word}" for number in range(26) for word in words]
        expected = [TermAnalyzer().term(word, "en") for word in words]
        shared, wrong = TermAnalyzer(), list[str]()

        def stem_all() -> None:
            wrong.extend(
                word for word, term in zip(words, expected, strict=True)
                if shared.term(word, "en") != term
            )  # fmt: skip

        threads = [threading.Thread(target=stem_all) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []


class TestTermId:
    def test_lies_in_the_range_of_a_sparsevec_and_stays_the_same(self) -> None:
        ids = {term_id(f"term{number}", b"salt") for number in range(2000)}
        assert len(ids) == 2000
        assert min(ids) >= 1
        assert max(ids) <= MAX_TERM_ID
        assert term_id("mill", b"salt") == 125_098_657

    def test_differs_between_tenants(self) -> None:
        assert term_id("mill", b"one") != term_id("mill", b"two")


class TestFunctionWords:
    def test_are_known_for_some_languages(self) -> None:
        assert is_function_word("the", "en")
        assert is_function_word("und", "de")
        assert not is_function_word("the", "xx")

    def test_of_german_are_those_that_ask_as_well(self) -> None:
        asking = "wann warum wie wo wer was welche welcher welches wohin"
        assert all(is_function_word(word, "de") for word in asking.split())

    def test_of_chinese_are_pairs_that_ask(self) -> None:
        pairs = TermAnalyzer().words("首都是哪个城市", "zh")
        telling = [pair for pair in pairs if not is_function_word(pair, "zh")]
        assert telling == ["首都", "都是", "个城", "城市"]
        assert is_function_word("什么", "zh")
        assert not is_function_word("什么", "ja")

    def test_of_chinese_are_no_words_that_say_something(self) -> None:
        assert not any(is_function_word(word, "zh") for word in ("目的", "几何", "了解"))
