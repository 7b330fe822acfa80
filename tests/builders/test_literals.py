"""Python literals: exactly what ast.literal_eval says, never evaluated."""

import ast
import gzip
import random

import pytest

from recbole_mmsc.dataset_builders.literals import (
    MAX_SLOW_BYTES,
    literal_to_json,
    parse_json,
    parse_literal,
)
from recbole_mmsc.dataset_builders.product import UnusableRecord

pytestmark = [  # literal_eval's own, about the odd escapes that are tried here
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::SyntaxWarning"),
]


def expected(text: str) -> object:
    """What literal_eval makes of a line; the class UnusableRecord where that is no dict."""
    try:
        value = ast.literal_eval(text.strip(" \t\r\n"))
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return UnusableRecord
    return repr(value) if isinstance(value, dict) else UnusableRecord


def found(text: str) -> object:
    try:
        return repr(parse_literal(text.encode()))
    except UnusableRecord:
        return UnusableRecord


LITERALS = [
    "{'asin': 'B01', 'price': 9.99, 'salesRank': {'Beauty': 1234}}",
    "{'title': \"Women's\", 'brand': 'the \"best\"'}",
    r"""{'t': 'it\'s', 'u': "say \"hi\"", 'v': 'back\\slash', 'w': '\\'}""",
    r"{'t': 'tab\t nl\n cr\r bs\b ff\f bell\a vt\v nul\0 oct\101 \1234'}",
    r"{'t': '\x41\xe9\u00e9\u20ac\U0001f600 \N{EURO SIGN}'}",
    r"{'t': '\ud83d\ude00', 'u': '\ud800', 'v': '\udfff'}",
    r"{'t': '\d \/ \. unknown escapes'}",
    r"{'t': '\x4', 'u': 1}",
    r"{'t': '\u12'}",
    "{'t': 'é 日本 😀', 'u': \"é's\"}",
    "{u'a': u'x', 'b': r'raw\\d', 'c': b'bytes', 'd': 'a' 'b' \"c\"}",
    "{'a': '''triple''', 'b': \"\"\"also\"\"\", 'c': ''}",
    "{'a': (1, 2), 'b': {1, 2}, 'c': [], 'd': {}, 'e': ()}",
    "{'a': True, 'b': False, 'c': None}",
    "{'a': true}",
    "{'a': false, 'b': null}",
    "{'a': 'true, null', 'b': [': null']}",
    "{'a': NaN}",
    "{'a': Infinity}",
    "{'a': 1e5, 'b': 1E-5, 'c': -0, 'd': -0.0, 'e': 1., 'f': .5, 'g': 1e999, 'h': -1}",
    "{'a': 123456789012345678, 'b': 1234567890123456789, 'c': 123456789012345678901}",
    "{'a': 18446744073709551616, 'b': -9223372036854775809}",
    "{'a': 0.1234567890123456789, 'b': 1_000, 'c': 0x1f, 'd': 0o7, 'e': 1+2j, 'f': 5j}",
    "{'a': 007}",
    "{'a': 1, 'a': 2, 'b': 3}",
    "{1: 'x', 2.5: 'y', (1, 2): 'z', None: 0}",
    "{'a': [1, 2, ], 'b': 3, }",
    "{'a': 1 # comment",
    "{'a': [\n1]}",
    "{'a': 'raw\ttab'}",
    "{'a': 'raw\x00nul'}",
    "{'a': '\x7f'}",
    "{'a': '\u2028'}",
    "{'a': " + "[" * 150 + "]" * 150 + "}",
    "{'a': " + "[" * 250 + "]" * 250 + "}",
    "{'a': " + "9" * 5000 + "}",
    "{[]: 1}",
    "{'a' 1}",
    "{'a': 1",
    "{'a': 'open}",
    "{'a': \"open}",
    "{'a': 'x\\",
    "{'a': 'x'}}",
    "{'a': 'x'} {'b': 1}",
    "['a']",
    "'a'",
    "5",
    "",
    "{}",
    "  {'a': 1} \r",
    "{'a': 1 + 1}",
    "{'a': 'x' * 5}",
    "{'a': __import__('os')}",
    "__import__('os').system('touch /tmp/x')",
    "{**{'a': 1}}",
    "{x: 1 for x in [1]}",
    "f'{1}'",
    "lambda: 1",
]


@pytest.mark.parametrize("text", LITERALS)
def test_agrees_with_literal_eval(text):
    assert found(text) == expected(text)


def _value(random_: random.Random, depth: int) -> object:
    kind = random_.randrange(9 if depth else 5)
    if kind == 0:
        return random_.choice([0, -1, 7, 10**15, 10**18, 10**19, -(2**63), 2**64, 10**25])
    if kind == 1:
        return random_.choice([0.0, -0.5, 1e22, 1e-7, 3.14, 1e300, 123456.789])
    if kind == 2:
        return random_.choice([None, True, False])
    if kind in (3, 4):
        letters = "ab 'é\"\\\n\t\x00\x1f\x7f/{}[]:,😀\ud800 tru0"
        return "".join(random_.choices(letters, k=random_.randrange(12)))
    size = random_.randrange(4)
    if kind in (5, 6):
        return [_value(random_, depth - 1) for _ in range(size)]
    if kind == 7:
        return tuple(_value(random_, depth - 1) for _ in range(size))
    return {str(_value(random_, 0)): _value(random_, depth - 1) for _ in range(size)}


def test_agrees_on_any_value_and_on_any_damage_to_it():
    random_ = random.Random(2026)
    scraps = [*"'\"\\,:[]{}()0-.eu #\t", "\\x", "\\u", "true", "null", "None", "''", "1" * 20]
    refused = 0
    for _ in range(3000):
        text = repr({"asin": _value(random_, 3), "x": _value(random_, 3)})
        assert found(text) == expected(text), text
        place = random_.randrange(len(text))
        damaged = text[:place] + random_.choice(scraps) + text[place + random_.randrange(2) :]
        assert found(damaged) == expected(damaged), damaged
        refused += found(damaged) is UnusableRecord
    assert 300 < refused < 2900  # both outcomes were really tried


def test_agrees_on_every_line_of_real_metadata(real_data):
    with gzip.open(real_data / "amazon-2014" / "meta_Beauty.json.gz", "rb") as lines:
        fast = 0
        for line in lines:
            assert repr(parse_literal(line)) == repr(ast.literal_eval(line.decode()))
            fast += literal_to_json(line) is not None
    assert fast == 12_101  # the slow path is for oddities only


def test_an_endless_unusual_literal_is_not_parsed():
    line = b"{'a': None, 'b': [" + b"1," * MAX_SLOW_BYTES + b"]}"
    with pytest.raises(UnusableRecord, match="too long"):
        parse_literal(line)


@pytest.mark.parametrize("parse", [parse_json, parse_literal])
def test_bad_utf8_is_named(parse):
    with pytest.raises(UnusableRecord, match="not valid UTF-8"):
        parse(b"{'asin': '\xff'}".replace(b"'", b'"' if parse is parse_json else b"'"))


def test_json_takes_what_python_writes():
    record = parse_json(b'{"price": NaN, "top": Infinity, "t": "\\ud83d"}')
    assert repr(record) == "{'price': nan, 'top': inf, 't': '\\ud83d'}"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not valid JSON"),
        (b"{'a': 1}", "not valid JSON"),
        (b'["a"]', "not a record"),
        (b"5", "not a record"),
        (b'{"a": 1} {"b": 2}', "not valid JSON"),
    ],
)
def test_json_says_what_is_wrong(line, reason):
    with pytest.raises(UnusableRecord, match=reason):
        parse_json(line)
