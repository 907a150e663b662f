import pytest

from muniment.index.language import LANGUAGES, LanguageDetector

DETECTOR = LanguageDetector()

TEXTS = {
    "en": "The archive keeps deeds, maps and letters from four centuries of the town.",
    "de": "Das Archiv bewahrt Urkunden, Karten und Briefe aus vier Jahrhunderten der Stadt.",
    "fr": "Les archives conservent des actes, des cartes et des lettres de la ville.",
    "ru": "Здесь хранятся грамоты, карты и письма за четыре столетия истории города.",
    "zh": "档案馆保存着该镇四个世纪以来的契约、地图和信件、供公众查阅。",
    "ja": "文書館には町の四百年分の証書と地図と手紙が保管されています。",
}


class TestOfDocument:
    @pytest.mark.parametrize("code", sorted(TEXTS))
    def test_names_the_language(self, code: str) -> None:
        assert DETECTOR.of_document(TEXTS[code], "xx") == code

    def test_gives_the_default_for_what_is_no_language(self) -> None:
        assert DETECTOR.of_document("", "en") == "en"
        assert DETECTOR.of_document("4711 0815", "de") == "de"

    def test_looks_beyond_a_cover_in_another_language(self) -> None:
        text = "ACME 2024\n" * 40 + TEXTS["de"] * 300
        assert DETECTOR.of_document(text, "en") == "de"


class TestOfQuery:
    @pytest.mark.parametrize(
        ("text", "default", "expected"),
        [
            ("mill", "en", "en"),
            ("mill", "de", "de"),
            ("Rechnung", "en", "en"),
            ("Wo liegen die Urkunden?", "en", "de"),
            ("What is the due date?", "de", "en"),
            ("Où est le contrat de la société?", "en", "fr"),
            ("где лежат документы", "en", "ru"),
            ("документи", "uk", "uk"),
            ("文書館はどこ", "en", "ja"),
            ("档案", "en", "zh"),
            ("档案", "ja", "ja"),
            ("heat transfer over blunt bodies", "en", "en"),
            ("", "en", "en"),
            ("보관소", "en", "ko"),
            ("αρχείο", "en", "el"),
            ("ארכיון", "en", "he"),
            ("หอจดหมายเหตุ", "en", "th"),
            ("संग्रह", "en", "hi"),
            ("संग्रह", "mr", "mr"),
            ("أرشيف", "en", "ar"),
            ("بایگانی", "fa", "fa"),
            ("где ISO 27001", "de", "ru"),
            ("4711", "de", "de"),
            ("?!", "fr", "fr"),
            ("\U0001f6a2", "xx", "xx"),
        ],
    )
    def test_keeps_the_default_unless_another_is_plain(
        self, text: str, default: str, expected: str
    ) -> None:
        assert DETECTOR.of_query(text, default) == expected

    def test_gives_the_same_answer_with_the_model_loaded_beforehand(self) -> None:
        fresh = LanguageDetector()
        fresh.prepare()
        assert fresh._identifier is not None
        assert fresh.of_document(TEXTS["fr"], "en") == "fr"

    def test_needs_no_model_for_questions_of_the_default_language(self) -> None:
        fresh = LanguageDetector()
        assert fresh.of_query("What is the notice period of the lease?", "en") == "en"
        assert fresh._identifier is None

    def test_asks_the_model_about_longer_words_of_a_language_without_a_list(self) -> None:
        assert DETECTOR.of_query("szerződések felmondási határideje mennyi", "en") == "hu"


def test_languages_are_iso_639_1_codes() -> None:
    assert all(len(code) == 2 for code in LANGUAGES)
