"""Titles, names and prices as web pages leave them."""

import time

import pytest

from recbole_mmsc.dataset_builders.fields import (
    MAX_DESCRIPTION,
    MAX_TITLE,
    as_description,
    as_path,
    as_title,
    as_urls,
)
from recbole_mmsc.dataset_builders.text import clean_long_text, clean_text, parse_price


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("Plain", "Plain"),
        ("", ""),
        ("  two  spaces ", "two spaces"),
        ("tab\tand\nline\r\nbreak", "tab and line break"),
        ("Olivander&reg; Soft &amp; Soothing", "Olivander® Soft & Soothing"),
        ("Father&#39;s Day", "Father's Day"),
        ("AT&T; R&D & more", "AT&T; R&D & more"),
        ("<b>Bold</b> title", "Bold title"),
        ('<span class="a-size-medium a-color-secondary"', ""),
        ("</span></span></span>", ""),
        ("&lt;b&gt;written with entities&lt;/b&gt;", "written with entities"),
        ("before<!-- comment <b> -->after", "before after"),
        ("a <script>if (a < b) alert('x')</script> b", "a b"),
        ("cut <STYLE>.a-box{color:red}", "cut"),
        ("size < 5 mm, I <3 it, a <b", "size < 5 mm, I <3 it, a <b"),
        ("nul\x00 esc\x1b[31m bell\x07", "nul esc [31m bell"),
        ("no\u00a0break \u2028 line \u200b zero \ufeff", "no break line zero"),
        ("half \ud83d of a pair", "half of a pair"),
        ("日本語 tītle 👟", "日本語 tītle 👟"),
    ],
)
def test_clean_text(raw, clean):
    assert clean_text(raw) == clean
    assert clean_text(clean) == clean
    clean_text(raw).encode("utf-8")


def test_a_long_text_is_cleaned_alike_but_keeps_its_spaces():
    assert clean_long_text(" a  b\n<i>c</i> &amp; d\x1b ") == "a  b  c  & d"
    assert clean_long_text("é\u2028\ud800 x") == "é   x"


@pytest.mark.parametrize(
    ("value", "price"),
    [
        ("$1,299.00", 1299.0),
        ("$25", 25.0),
        (" 19.99 USD ", 19.99),
        ("€ 5", 5.0),
        ("from $14.95", 14.95),
        ("$5.00 - $9.00", 5.0),
        (12.5, 12.5),
        (7, 7.0),
        (0, 0.0),
        ("", None),
        (None, None),
        ("—", None),
        ("None", None),
        ("NaN", None),
        ("1e5", None),
        ("1,29,9", None),
        ("-5", None),
        (-5, None),
        (float("nan"), None),
        (float("inf"), None),
        (10**400, None),
        ("9" * 400, None),
        (True, None),
        ([5], None),
        ({"amount": 5}, None),
        (".a-box-inner{background-color:", None),
    ],
)
def test_parse_price(value, price):
    assert parse_price(value) == price


@pytest.mark.parametrize("scrap", ["<", "<!--", "<script", "<a b=", "</script ", "&", "&#", "<a "])
def test_cleaning_takes_time_in_proportion_to_the_text(scrap):
    text = scrap * (400_000 // len(scrap))
    start = time.process_time()
    clean_text(text)
    assert time.process_time() - start < 5


def test_a_number_of_thousands_of_digits_as_an_entity():
    assert clean_text("&#" + "1" * 5000 + "; <b>x</b>").endswith("; x")


def test_sizes_are_bounded():
    assert len(as_title("x" * 10_000)) == MAX_TITLE
    assert len(as_description(["y" * 1_000_000])) == MAX_DESCRIPTION
    assert len(as_path(["level"] * 500)) == 20
    assert as_path(["Beauty", "", "<b></b>", " Hair &amp; Care "]) == ("Beauty", "Hair & Care")


def test_a_leaky_path_ends_where_the_features_begin():
    levels = ["Gift Cards", "Boxes", "</span></span></span>", "Starbucks"]
    assert as_path(levels, leaky=True) == ("Gift Cards", "Boxes")
    assert as_path(["Gift Cards", "No fees.", "Any"], leaky=True) == ("Gift Cards",)
    assert as_path(["Gift Cards", "No fees."]) == ("Gift Cards", "No fees.")


def test_only_web_addresses_are_kept():
    good = "https://images.example/I/31%2B._SX38_,0_.jpg"
    assert as_urls([good, "http://b.example/b.jpg"]) == (good, "http://b.example/b.jpg")
    bad = ["", "file:///etc/passwd", "javascript:x", "https://a b", 'https://a"b', "https://a\n"]
    for url in [*bad, "https://" + "a" * 3000]:
        assert as_urls([url, good]) == (good,)
    assert as_urls([f"{good} {good}", good]) == (good,)
    assert as_urls(None) == ()
