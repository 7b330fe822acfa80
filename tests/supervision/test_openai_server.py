"""Labels by a language model behind a server; nothing leaves this machine."""

import asyncio
import gc
import json
import logging
import re
import warnings
from dataclasses import replace

import pytest

from recbole_mmsc.supervision.judgement import LABELS, Failure, Judgement, Pair, Product
from recbole_mmsc.supervision.labellers import LabellerOptions, openai_server
from recbole_mmsc.supervision.labellers.openai_answers import read_answer, shown
from recbole_mmsc.supervision.labellers.openai_client import Patience
from recbole_mmsc.supervision.labellers.openai_server import OpenAIServer
from recbole_mmsc.supervision.prompt import read_prompt

from .chat_server import ANSWER, serving

QUICK = Patience(connect=5.0, total=20.0, retries=2, backoff=0.001, longest_wait=0.01)
OPTIONS = LabellerOptions(concurrency=3, per_second=1e6)
RIGHT = Judgement("complement", 0.9, "used together", 70)
SECRET = "sk-very-secret-0123456789"


@pytest.fixture(autouse=True)
def no_key(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


@pytest.fixture
def key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)


@pytest.fixture
def tidy(caplog):
    """No task, loop or session is left behind."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
        gc.collect()
    assert not [each for each in caught if issubclass(each.category, ResourceWarning)]
    assert not [each for each in caplog.records if each.name in ("asyncio", "aiohttp.client")]


@pytest.fixture
def server():
    with serving() as server:
        yield server


def pair(title):
    return Pair(Product(f"id-{title}", title), Product("other", "teapot"))


def pairs(n):
    return [pair(str(number)) for number in range(n)]


def labeller(server, model, patience=QUICK, **changes):
    argument = server.labeller(model).removeprefix("openai:")
    return OpenAIServer.of(argument, replace(OPTIONS, **changes), patience)


def judge(server, model, asked=None, **changes):
    """Title → what became of the pair."""
    results = labeller(server, model, **changes).judge(asked or pairs(1))
    return {each.first.title: result for each, result in results}


def one(server, model, **changes):
    (result,) = judge(server, model, **changes).values()
    return result


def test_all_pairs_are_judged_and_asked_about_once(server, tidy):
    assert judge(server, "right", pairs(20)) == {str(number): RIGHT for number in range(20)}
    assert server.counts == {str(number): 1 for number in range(20)}
    assert judge(server, "right", iter(())) == {}


def test_a_question_is_the_prompt_and_what_the_answer_looks_like(server):
    assert one(server, "right") == RIGHT
    (question,) = server.questions
    system, asked = read_prompt().messages(pair("0"), labelled=True)
    assert question["messages"][0] == system
    assert question["messages"][1]["content"].startswith(asked["content"])
    assert "JSON" in question["messages"][1]["content"]
    assert question["model"] == "right"
    assert (question["temperature"], question["seed"], question["max_tokens"]) == (0, 0, 300)
    assert question["response_format"]["type"] == "json_schema"
    told = question["response_format"]["json_schema"]
    assert told["strict"] is True
    fields = told["schema"]["properties"]
    assert list(fields) == ["purpose_a", "purpose_b", "reason", "label", "confidence"]
    assert fields["label"]["enum"] == list(LABELS)
    assert told["schema"]["required"] == list(fields)
    assert told["schema"]["additionalProperties"] is False
    assert "Authorization" not in server.headers[0]


def test_the_name_says_which_model_and_the_version_which_prompt(server):
    asked = labeller(server, "org/model:7b@awq")
    assert asked.name == server.labeller("org/model:7b@awq")
    assert asked.prompt_version.startswith(f"pair-1:{read_prompt().checksum}:")


def test_as_many_are_asked_at_once_as_wanted(server):
    assert len(judge(server, "together", pairs(9))) == 9
    assert server.most_at_once == 3


def test_not_more_pairs_are_taken_than_are_asked_about(server):
    taken = []
    results = labeller(server, "right").judge(taken.append(each) or each for each in pairs(9))
    assert taken == []
    for n_yielded in range(1, 10):
        next(results)
        assert len(taken) <= n_yielded + 2
    assert list(results) == []


def test_what_is_answered_does_not_wait_for_the_others(server):
    results = labeller(server, "first").judge([pair("slow"), *pairs(5)])
    early = {next(results)[0].first.title for _ in range(5)}
    assert early == set("01234")
    server.release.set()
    assert [each.first.title for each, _ in results] == ["slow"]


@pytest.mark.parametrize("model", ["failing-2", "dropping-2", "dropping-1", "short", "busy"])
def test_what_passes_is_asked_again(server, model):
    assert one(server, model) == RIGHT
    assert server.counts["0"] == (3 if model.endswith("2") else 2)


def test_a_server_may_ask_for_silence(server, monkeypatch):
    held = []
    monkeypatch.setattr(openai_server.Pace, "hold", lambda _, *told: held.append(told))
    assert one(server, "busy", patience=replace(QUICK, longest_wait=60)) == RIGHT
    assert held == [("127.0.0.1", 60.0)]


@pytest.mark.parametrize(
    ("model", "failure", "n_asked"),
    [
        ("failing-3", Failure("HTTP 500", '{"error": {"message": "oh"}}'), 3),
        ("status-408", "HTTP 408", 3),
        ("status-429", "HTTP 429", 3),
        ("status-503", "HTTP 503", 3),
        ("status-402", "HTTP 402", 1),
        ("status-413", "HTTP 413", 1),
        ("status-202", "HTTP 202", 1),
        ("moved", "HTTP 307", 1),
        ("dropping-9", "connection failed", 3),
        ("huge", Failure("answer too large", "more than 1,048,576 bytes"), 1),
        ("packed", Failure("answer too large", "more than 1,048,576 bytes"), 1),
        ("body-<html>a shop</html>", Failure("no chat completion", "<html>a shop</html>"), 1),
        ('body-{"error": "busy"}', "no chat completion", 1),
        ('body-{"choices": []}', "no chat completion", 1),
        ("body-[]", "no chat completion", 1),
        ("body-", "no chat completion", 1),
        ("body-" + "[" * 100_000, "no chat completion", 1),
        # each way to ask for the answer is tried
        ("status-400", "HTTP 400", 4),
        ("status-422", "HTTP 422", 4),
    ],
)
def test_failures_say_what_happened(server, model, failure, n_asked):
    result = one(server, model)
    assert isinstance(result, Failure)
    assert failure in (result, result.reason)
    assert result.detail.isprintable()
    assert len(result.detail) <= 200
    assert server.counts["0"] == n_asked


def test_a_server_that_hangs_is_given_up(server, tidy):
    assert one(server, "hanging", patience=replace(QUICK, total=0.1)) == Failure("timeout")
    assert server.counts["0"] == 3


@pytest.mark.parametrize(
    ("content", "label", "confidence"),
    [
        (json.dumps(ANSWER), "complement", 0.9),
        (f"```json\n{json.dumps(ANSWER)}\n```", "complement", 0.9),
        (f"Well, {{A}} and {json.dumps(ANSWER)} I think.", "complement", 0.9),
        ('{"label": " Substitute ", "confidence": 1}', "substitute", 1.0),
        ('{"label": "unsure", "confidence": 85}', "unsure", 0.85),
        ('{"label": "unsure", "confidence": "85%"}', "unsure", 0.85),
        ('{"label": "unsure", "confidence": "0.25"}', "unsure", 0.25),
        ('{"label": "unsure", "confidence": "1 %"}', "unsure", 0.01),
        ('{"label": "irrelevant"}', "irrelevant", 0.5),
        ('{"label": "irrelevant", "confidence": "high"}', "irrelevant", 0.5),
        ('{"label": "irrelevant", "confidence": NaN}', "irrelevant", 0.5),
        ('{"label": "irrelevant", "confidence": 1e999}', "irrelevant", 0.5),
        ('{"label": "irrelevant", "confidence": -0.1}', "irrelevant", 0.5),
        ('{"label": "irrelevant", "confidence": 101}', "irrelevant", 0.5),
        ('{"label": "irrelevant", "confidence": 9}', "irrelevant", 0.5),
        ('{"label": "irrelevant", "confidence": "10"}', "irrelevant", 0.5),
        ('{"label": "irrelevant", "confidence": "9%"}', "irrelevant", 0.09),
        ('{"label": "irrelevant", "confidence": 10.5}', "irrelevant", 0.105),
        ('{"label": "irrelevant", "confidence": true}', "irrelevant", 0.5),
        ('{"label": "irrelevant", "confidence": [0.9]}', "irrelevant", 0.5),
        ('{"label": "irrelevant", "reason": 3}', "irrelevant", 0.5),
        ('{"label": "unsure"} {"label": "UNSURE"}', "unsure", 0.5),
    ],
)
def test_answers_are_read_leniently(server, content, label, confidence):
    result = one(server, f"content-{content}")
    assert (result.label, result.confidence, result.tokens) == (label, confidence, 70)
    assert server.counts["0"] == 1


@pytest.mark.parametrize(
    ("model", "detail"),
    [
        ("cut", "^it was cut off, no JSON object with a label: {"),
        ("content-", "^no JSON object with a label:"),
        ("content-complement", "^no JSON object .*: complement"),
        ('content-{"label": "both"}', "^label both"),
        ('content-{"label": ["unsure"]}', "^no JSON object"),
        ('content-{"label": null}', "^no JSON object"),
        ('content-{"answer": {"label": "unsure"}}', "^no JSON object"),
        # the first one may be repeated from a product's title
        ('content-{"label": "unsure"} {"label": "complement"}', "label unsure and complement"),
        ("content-" + '{"a":' * 3_000, "^no JSON object"),
        ('content-{"label": ' + "9" * 9_000 + "}", "^no JSON object"),
        ("content-" + "{" * 30_000, "^30,000 characters"),
        ('body-{"choices": [{}]}', "^no JSON object"),
        ('body-{"choices": {"0": 1}}', "^no JSON object"),
        ('body-{"choices": [{"message": {"content": [1]}}]}', "^no JSON object"),
        ('body-{"choices": [{"message": "x"}]}', "^no JSON object"),
    ],
)
def test_an_answer_that_is_not_understood_is_a_failure_that_was_paid_for(server, model, detail):
    result = one(server, model)
    assert isinstance(result, Failure)
    assert result.reason == "answer not understood"
    assert re.search(detail, result.detail)
    assert result.detail.isprintable()
    assert len(result.detail) <= 200
    assert result.tokens == (0 if model.startswith("body") else 70)
    assert server.counts["0"] == 1


@pytest.mark.parametrize(
    ("model", "reason"),
    [("refusing", "refused: I would rather not."), ("filtered", "refused: content_filter")],
)
def test_a_model_that_refuses_is_unsure(server, model, reason):
    assert one(server, model) == Judgement("unsure", 0.0, reason, 70)


def test_an_answer_may_come_in_parts():
    start, end = json.dumps(ANSWER)[:30], json.dumps(ANSWER)[30:]
    thought = {"type": "thinking", "text": '{"label": "unsure"}'}
    parts = [thought, {"type": "text", "text": start}, {"type": "text", "text": end}, {}, None]
    said = read_answer({"choices": [{"message": {"content": parts}}]})
    assert said == replace(RIGHT, tokens=0)


def test_a_model_that_never_answers_as_asked_ends_the_run(server, tidy):
    results = labeller(server, "content-I am a teapot", replace(QUICK, silence=5)).judge(pairs(50))
    with pytest.raises(
        ValueError, match=r"none to 5 questions in a row, .*: answer not understood: .*a teapot"
    ):
        list(results)


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"total_tokens": 12}, 12),
        ({"total_tokens": "12"}, 0),
        ({"total_tokens": -1}, 0),
        ({"total_tokens": True}, 0),
        ({"total_tokens": 1.5}, 0),
        ({"total_tokens": 10**30}, 0),
        ({}, 0),
        ([], 0),
        (None, 0),
    ],
)
def test_tokens_count_where_they_are_a_number(usage, tokens):
    choice = {"message": {"content": json.dumps(ANSWER)}}
    assert read_answer({"choices": [choice], "usage": usage}).tokens == tokens


def test_reasons_are_short_and_printable():
    assert shown(" a\n\tb\x1b[31m\u202e\ud800c\u2028 ") == "a b [31m c"
    assert shown("x" * 999) == "x" * 200
    assert shown("x" * 195 + SECRET, SECRET) == "x" * 195 + "***"


@pytest.mark.parametrize(
    ("model", "per_pair"), [("knows-json_object", 2), ("knows-nothing", 3), ("thinks", 4)]
)
def test_a_server_is_asked_in_a_way_that_it_knows(server, model, per_pair):
    expected = {str(number): RIGHT for number in range(6)}
    assert judge(server, model, pairs(6), concurrency=1) == expected
    # which way it is, is found out once
    assert server.counts == {"0": per_pair, **{str(number): 1 for number in range(1, 6)}}
    server.counts.clear()
    assert judge(server, model, pairs(9)) == {str(number): RIGHT for number in range(9)}
    assert sum(server.counts.values()) <= 9 + 3 * (per_pair - 1)


@pytest.mark.parametrize("status", [400, 403, 404, 422])
def test_a_pair_that_is_refused_does_not_stop_the_others(server, status):
    asked = [pair("0"), pair("bad"), pair("1")]
    found = judge(server, f"moody-{status}", asked, concurrency=1)
    assert found["0"] == found["1"] == RIGHT
    assert found["bad"].reason == f"HTTP {status}"
    assert server.counts == {"0": 1, "bad": 1, "1": 1}
    assert all("response_format" in question for question in server.questions)


def test_a_pair_refused_at_first_does_not_change_how_the_others_are_asked(server):
    found = judge(server, "moody-400", [pair("bad"), pair("0")], concurrency=1)
    assert (found["bad"].reason, found["0"]) == ("HTTP 400", RIGHT)
    assert server.questions[-1]["response_format"]["type"] == "json_schema"


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("status-401", r"HTTP 401: .*set the environment variable OPENAI_API_KEY to a key that"),
        ("status-403", r"HTTP 403: .*set the environment variable OPENAI_API_KEY to a key that"),
        ("missing", r"model 'missing' at http.*/v1/chat/completions, .*no such model.*check"),
    ],
)
def test_what_no_pair_can_be_judged_without_ends_the_run(server, tidy, model, told):
    with pytest.raises(ValueError, match=told):
        judge(server, model, pairs(50))
    assert len(server.counts) <= 3


def test_a_key_that_is_revoked_ends_the_run_after_what_was_answered(server, key):
    results = labeller(server, "revoking", concurrency=1).judge(pairs(9))
    assert next(results) == (pair("0"), RIGHT)
    with pytest.raises(ValueError, match=r"HTTP 401: .*revoked.*to another key"):
        next(results)


@pytest.mark.parametrize("model", ["status-500", "dropping-9", "body-hello", "status-400"])
def test_a_server_that_has_stopped_to_answer_ends_the_run(server, tidy, model):
    results = labeller(server, model, replace(QUICK, silence=5)).judge(pairs(50))
    failed = []
    with pytest.raises(ValueError, match=r"none to 5 questions in a row, .*is kept"):
        failed.extend(result for _, result in results)
    assert len(failed) == 4
    assert len(server.counts) <= 5 + 2


def test_failures_that_are_not_in_a_row_do_not_end_the_run(server):
    asked = [pair("bad"), pair("0")] * 10
    results = labeller(server, "moody-413", replace(QUICK, silence=2), concurrency=1).judge(asked)
    assert [type(result) for _, result in results] == [Failure, Judgement] * 10


def test_an_address_where_no_one_listens_fails(server):
    with serving() as gone:
        pass
    result = one(gone, "right")
    assert result.reason == "connection failed"


def test_whoever_wants_no_more_leaves_nothing_behind(server, tidy):
    results = labeller(server, "first").judge([pair("slow"), *pairs(5)])
    assert next(results)[1] == RIGHT
    results.close()
    assert list(results) == []
    never_begun = labeller(server, "hanging").judge(pairs(5))
    never_begun.close()
    del never_begun


def test_ctrl_c_ends_the_run_in_order(server, tidy):
    results = labeller(server, "interrupting").judge([pair("0"), pair("1")])
    found = []
    with pytest.raises(KeyboardInterrupt):
        found.extend(each.first.title for each, _ in results)
    assert found in ([], ["0"])
    assert list(results) == []


def test_an_error_of_the_pairs_is_passed_on(server, tidy):
    def broken():
        yield from pairs(2)
        raise OSError("no more space")

    with pytest.raises(OSError, match="no more space"):
        list(labeller(server, "hanging").judge(broken()))


def test_the_key_is_sent_and_told_nobody(server, key, caplog):
    caplog.set_level(logging.DEBUG)
    asked = labeller(server, "right")
    assert [result for _, result in asked.judge(pairs(1))] == [RIGHT]
    assert server.headers[0]["Authorization"] == f"Bearer {SECRET}"
    assert SECRET not in repr(asked) + asked.name + asked.prompt_version + caplog.text
    assert SECRET not in json.dumps(server.questions)


@pytest.mark.parametrize("model", ["echoing-200", "echoing-0", "echoing-500", "echoing-402"])
def test_a_key_that_is_repeated_by_the_server_is_masked(server, key, model):
    result = one(server, model)
    told = getattr(result, "detail", "") + result.reason
    assert "sk-" not in told
    assert "no no no" in told


def test_a_key_is_masked_where_the_run_ends(server, key):
    with pytest.raises(ValueError, match="HTTP 401") as caught:
        one(server, "echoing-401")
    error = caught.value
    assert "sk-" not in str(error)
    assert error.__cause__ is None
    assert error.__suppress_context__


def test_a_redirect_does_not_get_the_key(server, key):
    assert one(server, "moved").reason == "HTTP 307"
    assert len(server.questions) == 1


def test_only_the_key_of_the_environment_is_sent(server, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password hidden\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("OPENAI_API_KEY", f" {SECRET}\n")
    assert one(server, "right") == RIGHT
    monkeypatch.delenv("OPENAI_API_KEY")
    assert one(server, "right") == RIGHT
    sent = [headers.get("Authorization") for headers in server.headers]
    assert sent == [f"Bearer {SECRET}", None]


def test_this_machine_is_not_asked_through_a_proxy(server, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    assert one(server, "right") == RIGHT


def test_other_machines_are_where_there_is_one(server, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    asked = OpenAIServer.of("right@http://model.invalid/v1", OPTIONS, QUICK)
    assert [result for _, result in asked.judge(pairs(1))] == [RIGHT]
    assert server.headers[0]["Host"] == "model.invalid"


@pytest.mark.parametrize(
    ("argument", "told"),
    [
        ("", "no model, or no http address"),
        ("qwen", "no model, or no http address"),
        ("@http://localhost/v1", "no model, or no http address"),
        ("qwen@", "no model, or no http address"),
        ("qwen@localhost:8000/v1", "no model, or no http address"),
        ("qwen@ftp://localhost/v1", "no model, or no http address"),
        ("qwen@file:///etc/passwd", "no model, or no http address"),
        ("qwen@http://", "no model, or no http address"),
        ("qwen@http://localhost:99999999/v1", "no model, or no http address"),
        ("qwen@http://[::1/v1", "no model, or no http address"),
        (f"qwen@http://me:{SECRET}@localhost/v1", "a user or a password"),
        (f"qwen@http://me:{SECRET}@x@localhost/v1", "a user or a password"),
        (f"qwen@https://localhost/v1?key={SECRET}", r"with a \? or a #"),
        (f"qwen@https://localhost/v1#{SECRET}", r"with a \? or a #"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(argument, told):
    with pytest.raises(ValueError, match=rf"Expected openai:<model>@<address>, .*{told}") as caught:
        OpenAIServer.of(argument, OPTIONS)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "refused"),
    [
        ("http://models.example/v1", True),
        ("http://192.168.1.2:8000/v1", True),
        ("http://localhost.example/v1", True),
        ("http://localhost:8000/v1", False),
        ("http://127.0.0.2:8000/v1", False),
        ("http://[::1]:8000/v1", False),
        ("https://models.example/v1", False),
    ],
)
def test_a_key_does_not_travel_in_the_open(monkeypatch, address, refused):
    OpenAIServer.of(f"qwen@{address}", OPTIONS)
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    if refused:
        with pytest.raises(ValueError, match="Expected an https address") as caught:
            OpenAIServer.of(f"qwen@{address}", OPTIONS)
        assert SECRET not in str(caught.value)
    else:
        OpenAIServer.of(f"qwen@{address}", OPTIONS)


@pytest.mark.parametrize("key", ["a\r\nb", "a\x00b", "schlüssel"])
def test_what_is_no_key_is_refused_and_not_repeated(monkeypatch, key):
    monkeypatch.setattr(openai_server.os, "environ", {"OPENAI_API_KEY": key})
    with pytest.raises(ValueError, match="printable ASCII") as caught:
        OpenAIServer.of("qwen@http://localhost/v1", OPTIONS)
    assert key not in str(caught.value)


def test_it_works_beside_an_event_loop_of_another_thread(server):
    async def elsewhere():
        return await asyncio.to_thread(judge, server, "right", pairs(3))

    assert len(asyncio.run(elsewhere())) == 3
