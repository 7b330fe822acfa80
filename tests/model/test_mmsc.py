import copy
import dataclasses
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import torch
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.data.interaction import Interaction
from recbole.utils import get_trainer, init_seed

from recbole_mmsc import run_recbole
from recbole_mmsc.data import completion, inputs, reranking
from recbole_mmsc.data.completion import solve_completion
from recbole_mmsc.data.evidence import BEHAVIOURS
from recbole_mmsc.data.generalise import ENOUGH
from recbole_mmsc.data.labels import TRAIN_SHA256, SupervisionError
from recbole_mmsc.data.pairs import training_checksum
from recbole_mmsc.data.queries import RELATIONS
from recbole_mmsc.data.words import read_texts
from recbole_mmsc.model.mmsc import MMSC
from recbole_mmsc.settings import SettingsError
from tests.tiny import ITEMS, pairs, write_two_that_differ_in_held_out_pairs

SETTINGS = {
    "embedding_size": 16,
    "train_batch_size": 64,
    "epochs": 15,
    "learning_rate": 0.01,
    "gpu_id": "",
    "show_progress": False,
    "metric_decimal_place": 12,
}


def prepare(folder: Path, **settings):
    config = Config(
        model="MMSC",
        dataset=folder.name,
        config_dict={**SETTINGS, "data_path": str(folder.parent), **settings},
    )
    init_seed(config["seed"], config["reproducibility"])
    dataset = create_dataset(config)
    parts = data_preparation(config, dataset)
    init_seed(config["seed"], config["reproducibility"])
    return config, MMSC(config, parts[0].dataset), parts


def everyone(model):
    return Interaction({"query_id": torch.arange(1, model.n_users)})


def test_learns_the_planted_relations(tiny_folder):
    result = run_recbole(
        model="MMSC",
        dataset="tiny",
        config_dict={**SETTINGS, "data_path": str(tiny_folder.parent)},
    )["test_result"]
    # chance is about .1: a held-out substitute is one of three or so of the type not yet known
    assert result["substitute/ndcg@10"] > 0.6
    assert result["complement/ndcg@10"] > 0.3


@pytest.mark.parametrize(
    ("relation", "source"), [("substitute", "also_view"), ("complement", "also_buy")]
)
def test_a_catalogue_may_know_one_relation_alone(tiny_folder, relation, source):
    behaviour = pq.read_table(tiny_folder / "behaviour.parquet")
    behaviour = behaviour.filter(pc.equal(behaviour["source"], source))
    pq.write_table(behaviour, tiny_folder / "behaviour.parquet")
    for file in tiny_folder.glob("*.inter"):
        head, *pairs = file.read_text().splitlines()
        file.write_text("\n".join([head, *(p for p in pairs if p.startswith(relation))]) + "\n")
    result = run_recbole(
        model="MMSC",
        dataset="tiny",
        config_dict={**SETTINGS, "data_path": str(tiny_folder.parent)},
    )["test_result"]
    assert result[f"{relation}/ndcg@10"] > 0.3


def test_the_same_seed_gives_the_same_digits(tiny_folder):
    settings = {**SETTINGS, "epochs": 3, "data_path": str(tiny_folder.parent)}
    one, two = (
        run_recbole(model="MMSC", dataset="tiny", config_dict=settings)["test_result"]
        for _ in range(2)
    )
    assert one == two


def test_what_is_scored_while_training_is_forgotten(tiny_folder):
    _, model, _ = prepare(tiny_folder)
    expected = model.eval().full_sort_predict(everyone(model))
    noisy = model.train().full_sort_predict(everyone(model))
    assert not torch.equal(noisy, expected)  # with dropout
    assert torch.equal(model.eval().full_sort_predict(everyone(model)), expected)
    vectors = {"text": model.network.content.modalities["text"].vectors[1:3].numpy()}
    unseen = model.rank_unseen(vectors, "substitute")
    model.train().full_sort_predict(everyone(model))
    assert torch.equal(model.rank_unseen(vectors, "substitute"), unseen)


def test_itself_is_never_recommended(tiny_folder):
    _, model, _ = prepare(tiny_folder)
    users = everyone(model)
    scores = model.eval().full_sort_predict(users)
    assert scores.shape == (80, 41)
    own = scores[torch.arange(80), model.query_item[users["query_id"]]]
    assert torch.isneginf(own).all()
    assert torch.isneginf(scores).sum() == 80


def test_scoring_pairs_gives_what_ranking_gives(tiny_folder):
    _, model, _ = prepare(tiny_folder)
    model.eval()
    users, items = torch.arange(1, 81), torch.arange(80) % 40 + 1
    other = items != model.query_item[users]
    pairs = model.predict(Interaction({"query_id": users, "item_id": items}))
    whole = model.full_sort_predict(Interaction({"query_id": users}))[torch.arange(80), items]
    torch.testing.assert_close(pairs[other], whole[other])


def test_ranking_follows_the_weights(tiny_folder):
    _, model, _ = prepare(tiny_folder)
    before = model.full_sort_predict(everyone(model))
    state = {name: value + 0.1 for name, value in model.state_dict().items()}
    model.load_state_dict(state)
    assert not torch.equal(model.full_sort_predict(everyone(model)), before)


def test_every_part_is_trained(tiny_folder):
    config, model, parts = prepare(tiny_folder, epochs=2)
    before = copy.deepcopy(model.state_dict())
    get_trainer(config["MODEL_TYPE"], "MMSC")(config, model).fit(parts[0], saved=False)
    still = [name for name, value in model.state_dict().items() if torch.equal(value, before[name])]
    assert still == []


@pytest.mark.parametrize("part", ["reliability_weight", "content_weight"])
def test_a_weight_of_zero_turns_a_part_off(tiny_folder, part):
    _, model, parts = prepare(tiny_folder, **{part: 0.0})
    losses = model.calculate_loss(next(iter(parts[0])))
    order = ["relations", "reliability_weight", "content_weight"]
    assert [loss.item() == 0 for loss in losses] == [name == part for name in order]


def test_of_the_completed_graph_nothing_is_kept_twice(tiny_folder):
    """In a large catalogue it is most of the memory that training takes."""
    _, model, _ = prepare(tiny_folder)
    assert {rows.entries.dtype for rows in model.completed} == {torch.int32}
    kept = {field.name for field in dataclasses.fields(model.completion)}
    assert vars(model.completion).keys() == kept


def test_the_completed_graph_knows_the_planted_relations_untrained(tiny_folder):
    config, model, parts = prepare(tiny_folder)
    trainer = get_trainer(config["MODEL_TYPE"], "MMSC")(config, model)
    completed = trainer.evaluate(parts[2], load_best_model=False)
    config, model, parts = prepare(tiny_folder, completion_weight=0.0)
    assert model.completed == []
    trainer = get_trainer(config["MODEL_TYPE"], "MMSC")(config, model)
    without = trainer.evaluate(parts[2], load_best_model=False)
    for relation in ("substitute", "complement"):
        assert completed[f"{relation}/ndcg@10"] > without[f"{relation}/ndcg@10"] + 0.1


@pytest.mark.parametrize("fewest", [50, 2])  # pairs in a part; of fewer nothing is re-ranked
def test_an_explanation_adds_up_to_the_score(tiny_folder, monkeypatch, fewest):
    monkeypatch.setattr(reranking, "ENOUGH", fewest)
    config, model, parts = prepare(tiny_folder, epochs=2)
    get_trainer(config["MODEL_TYPE"], "MMSC")(config, model).fit(parts[0], saved=False)
    model.eval()
    scores = model.full_sort_predict(everyone(model))
    how = set()
    for user in (1, 50):
        relation = RELATIONS[model.relation[user]]
        query = model.names[model.query_item[user]]
        for target in scores[user - 1].topk(15).indices.tolist():  # training pairs, and others
            found = model.explain(query, model.names[target], relation)
            assert found.score == pytest.approx(scores[user - 1, target].item(), rel=1e-5)
            weights = [edge.weight for edge in found.edges]
            assert sum(weights) == pytest.approx(found.completed, rel=1e-4, abs=1e-4)
            for end in ("query", "target"):
                assert sum(found.attention[end].values()) == pytest.approx(1)
                assert 0 < found.gate[end] < 1
            for edge in found.edges:
                assert (edge.reliability is None) == (edge.how not in BEHAVIOURS)
                how.add(edge.how)
    assert ("re-ranking" in how) == (fewest == 2)


def test_an_explanation_can_be_printed(tiny_folder):
    _, model, parts = prepare(tiny_folder)
    row = parts[0].dataset.inter_feat[0]
    query = parts[0].dataset.id2token("query_id", row["query_id"].item()).split("|")[1]
    target = model.names[row["item_id"].item()]
    found = model.explain(query, target, "substitute")
    head, asked, given, *edges = str(found).splitlines()
    assert head == (
        f"{target} as substitute of {query}: {found.score:.3f} = {found.vectors:.3f} by vectors + "
        f"{found.completed:.3f} by the completed graph"
    )
    assert asked.startswith(f"  {query}: text ")
    assert given.endswith(f"the relation's own meaning {found.gate['target']:.0%}")
    assert len(edges) == min(len(found.edges), 10) + (len(found.edges) > 10)
    assert edges[0].startswith(f"  {found.edges[0].weight:+.3f} {found.edges[0].item} beside ")


def test_explaining_the_unknown_says_what_was_expected(tiny_folder):
    _, model, _ = prepare(tiny_folder)
    with pytest.raises(ValueError, match="expected an item of the catalogue, found 'nothing'"):
        model.explain(ITEMS[0], "nothing", "substitute")
    with pytest.raises(ValueError, match="expected one of substitute, complement, found 'friend'"):
        model.explain(ITEMS[0], ITEMS[1], "friend")


def without_behaviour_of(folder: Path, item: str, but: int = 0) -> None:
    """Take an item's training pairs and behaviour out of a folder, but for a few pairs."""
    file = folder / "tiny.train.inter"
    head, *lines = file.read_text().splitlines()
    kept = [line for line in lines if item not in line]
    assert len(kept) < len(lines)
    kept += [line for line in lines if item in line][:but]
    file.write_text("\n".join([head, *kept]) + "\n")
    file = folder / "behaviour.parquet"
    table = pq.read_table(file)
    beside = pc.or_(pc.equal(table["item"], item), pc.equal(table["other"], item))
    pq.write_table(table.filter(pc.invert(beside)), file)


@pytest.mark.parametrize(("kept", "fewest"), [(300, 50), (3, 50), (300, 2)])
def test_an_unseen_item_ranks_as_one_of_the_catalogue_without_behaviour(
    tiny_folder, monkeypatch, kept, fewest
):
    monkeypatch.setattr(reranking, "ENOUGH", fewest)
    monkeypatch.setattr(completion, "KEPT_AT_MOST", kept)
    without_behaviour_of(tiny_folder, ITEMS[3])
    config, model, parts = prepare(tiny_folder, epochs=2)
    get_trainer(config["MODEL_TYPE"], "MMSC")(config, model).fit(parts[0], saved=False)
    model.train()
    cold = model.names.index(ITEMS[3])
    vector = model.network.content.modalities["text"].vectors[cold].numpy()
    text = read_texts(tiny_folder, parts[0].dataset)[cold]
    for relation in RELATIONS:
        user = parts[0].dataset.field2token_id["query_id"][f"{relation}|{ITEMS[3]}"]
        vectors = {"text": np.stack([vector, 2 * vector])}
        found = model.rank_unseen(vectors, relation, [text, text])
        assert model.training
        model.eval()
        expected = model.full_sort_predict(Interaction({"query_id": torch.tensor([user])}))[0]
        expected[cold] = found[0, cold]  # the catalogue's own item is never offered to itself
        expected[0] = -torch.inf  # nor the padding to anybody
        # the solution for what is lent magnifies the rounding of the cosines
        torch.testing.assert_close(found[0], expected, rtol=1e-5, atol=1e-3)
        torch.testing.assert_close(found[1], expected, rtol=1e-5, atol=1e-3)
        model.train()


def test_vectors_of_another_encoder_are_refused(tiny_folder):
    _, model, _ = prepare(tiny_folder)
    with pytest.raises(ValueError, match=r"expected text vectors \[2, \d+\], found \(2, 3\)"):
        model.rank_unseen({"text": np.ones((2, 3))}, "substitute")
    with pytest.raises(ValueError, match="expected vectors of text, found 'sound'"):
        model.rank_unseen({"sound": np.ones((2, 3))}, "substitute")
    vectors = model.network.content.modalities["text"].vectors[:2].numpy()
    with pytest.raises(ValueError, match="expected 2 texts, one for each item, found 1"):
        model.rank_unseen({"text": vectors}, "substitute", ["one"])
    with pytest.raises(ValueError, match="expected texts, found None"):
        model.rank_unseen({"text": vectors}, "substitute", ["one", None])
    with pytest.raises(ValueError, match="one item or more, found none"):
        model.rank_unseen({"text": vectors[:0]}, "substitute")
    with pytest.raises(ValueError, match="expected finite text vectors"):
        model.rank_unseen({"text": vectors * np.nan}, "substitute")
    for wrong, said in (
        (None, "expected a mapping from modality to vectors, .* found NoneType"),
        (vectors, "expected a mapping from modality to vectors, .* found ndarray"),
        ({"text": None}, r"expected text vectors \[m, d\], .* found None"),
        ({"text": vectors[0]}, r"expected text vectors \[m, d\], .* shape \(\d+,\)"),
        ({"text": [["a"]]}, "expected text vectors of numbers"),
    ):
        with pytest.raises(ValueError, match=said):
            model.rank_unseen(wrong, "substitute")
    with pytest.raises(ValueError, match="expected a list of texts, found one, 'ab'"):
        model.rank_unseen({"text": vectors}, "substitute", "ab")
    named = ["one", "another"]
    as_list, as_array = (
        model.rank_unseen({"text": vectors}, "substitute", texts)
        for texts in (named, np.array(named))
    )
    assert torch.equal(as_list, as_array)


@pytest.mark.parametrize("scale", [1e30, 1e-30])
def test_the_length_of_an_unseen_vector_says_nothing(tiny_folder, scale):
    _, model, _ = prepare(tiny_folder)
    vectors = model.network.content.modalities["text"].vectors[1:3].numpy()
    unit = model.rank_unseen({"text": vectors}, "substitute")
    scaled = model.rank_unseen({"text": vectors * np.float32(scale)}, "substitute")
    torch.testing.assert_close(scaled, unit, rtol=1e-5, atol=1e-4)


ABLATIONS = {
    "content": {"modalities": []},
    "behaviour": {"behaviour": False},
    "reliability": {"reliability_weight": 0.0},
    "content contrast": {"content_weight": 0.0},
    "semantic level": {"semantic_level": False},
    "task level": {"task_level": False},
    "completed graph": {"completion_weight": 0.0},
}


@pytest.mark.parametrize("part", ABLATIONS)
def test_without_a_part_it_learns_another_model(tiny_folder, part):
    scores = []
    for settings in ({}, ABLATIONS[part]):
        config, model, parts = prepare(tiny_folder, epochs=2, **settings)
        get_trainer(config["MODEL_TYPE"], "MMSC")(config, model).fit(parts[0], saved=False)
        scores.append(model.eval().full_sort_predict(everyone(model)))
    assert torch.isfinite(scores[1]).sum() == torch.isfinite(scores[0]).sum()
    assert not torch.allclose(scores[0], scores[1])


def drop_what_is_returned_at_the_end(folder: Path) -> Path:
    """Of what stands below the second place of a list, one end alone names the other."""
    file = folder / "behaviour.parquet"
    table = pq.read_table(file)
    top = pc.less(table["place"], 2)
    pq.write_table(table.filter(pc.or_(top, pc.less(table["item"], table["other"]))), file)
    return file


def test_without_the_order_of_the_lists_their_places_say_nothing(tiny_folder):
    """Every list the other way round is another model with their order, and the same without."""
    file = drop_what_is_returned_at_the_end(tiny_folder)
    forward = pq.read_table(file)
    place = forward["place"].to_numpy()
    lists = pa.array([f"{row['item']} {row['source']}" for row in forward.to_pylist()])
    longest = dict(zip(lists.to_pylist(), place.tolist(), strict=True))  # the last is the end
    back = pa.array([longest[name] for name in lists.to_pylist()] - place, pa.int16())
    backward = forward.set_column(forward.column_names.index("place"), "place", back)
    found = {}
    for order in (True, False):
        for name, table in (("forward", forward), ("backward", backward)):
            pq.write_table(table, file)
            _, model, _ = prepare(tiny_folder, list_order=order)
            found[order, name] = [rows.weights for rows in model.completed]
    assert all(map(torch.equal, found[False, "forward"], found[False, "backward"]))
    assert not all(map(torch.equal, found[True, "forward"], found[True, "backward"]))


def test_pairs_are_learned_by_their_standing_and_lent_by_its_root(tiny_folder, monkeypatch):
    given = []

    def solve(observed, **settings):
        given.extend(zip(observed.known, observed.sought, strict=True))
        return solve_completion(observed, **settings)

    monkeypatch.setattr(inputs, "solve_completion", solve)
    drop_what_is_returned_at_the_end(tiny_folder)
    prepare(tiny_folder)[1].solve()
    for known, sought in given:
        assert known.data.sum() == pytest.approx(known.nnz)
        assert sought.data.sum() == pytest.approx(sought.nnz)
        np.testing.assert_allclose(
            (known.data / known.data.max()) ** 3, sought.data / sought.data.max(), rtol=1e-4
        )
    substitutes = given[0][1].data  # complements are a short list, all of it on top
    assert substitutes.min() < 0.9 * substitutes.max()


def test_no_content_needs_no_features(tiny_folder):
    _, model, _ = prepare(tiny_folder, modalities=[], encoder="nobody")
    assert len(model.network.content.modalities) == 0


def test_without_behaviour_content_alone_is_read(tiny_folder):
    _, model, _ = prepare(tiny_folder, behaviour=False)
    (tiny_folder / "behaviour.parquet").rename(tiny_folder / "elsewhere")
    _, twin, _ = prepare(tiny_folder, behaviour=False)
    users = everyone(model)
    one, two = (m.eval().full_sort_predict(users) for m in (model, twin))
    assert torch.equal(one, two)


def test_a_modality_that_the_encoder_lacks_is_named(tiny_folder):
    with pytest.raises(ValueError, match="expected features of image, found those of text"):
        prepare(tiny_folder, modalities=["image"])


def test_content_and_behaviour_cannot_both_be_off(tiny_folder):
    with pytest.raises(SettingsError, match="expected modalities, behaviour, or both"):
        prepare(tiny_folder, modalities=[], behaviour=False)


def test_a_copy_costs_its_parameters_alone(tiny_folder):
    _, model, _ = prepare(tiny_folder)
    twin = copy.deepcopy(model)
    assert twin.positives is model.positives
    assert twin.completed[0] is model.completed[0]
    assert twin.network.behaviours[1].graph is model.network.behaviours[1].graph


@pytest.mark.parametrize("supervision", [[], ["friend"]])
def test_a_held_out_pair_changes_nothing_in_training(tmp_path, supervision):
    """Two folders that differ in their held-out pairs alone give the same model."""
    said = {
        (ITEMS[a], ITEMS[b]): relation if n % 5 else "irrelevant"
        for relation, found in pairs().items()
        for n, (a, b, phase) in enumerate(found)
        if phase == "train"
    }
    assert len(said) > ENOUGH  # labels that speak of other pairs too
    one, two = write_two_that_differ_in_held_out_pairs(tmp_path)
    states = []
    for folder in (one, two):
        label(folder, said)
        config, model, parts = prepare(folder, epochs=2, supervision=supervision)
        get_trainer(config["MODEL_TYPE"], "MMSC")(config, model).fit(parts[0], saved=False)
        frozen = [(rows.entries, rows.weights) for rows in model.completed]
        graphs = [encoder.graph for encoder in model.network.behaviours]
        frozen += [(graph.entries, graph.strength) for graph in graphs]
        solved = {f"frozen {n}": part for n, part in enumerate(sum(frozen, ()))}
        states.append({**model.state_dict(), **solved})
        assert model.likeness == prepare(one, supervision=supervision)[1].likeness
    assert len(states[0]) == len(states[1])
    for name, value in states[0].items():
        assert torch.equal(value, states[1][name]), name


def test_missing_features_name_the_command(tiny_folder):
    with pytest.raises(ValueError, match="recbole-mmsc encode tiny --encoder nobody"):
        prepare(tiny_folder, encoder="nobody")


def test_the_edges_of_a_batch_are_hidden(tiny_folder):
    _, model, parts = prepare(tiny_folder)
    tokens = parts[0].dataset.field2token_id["item_id"]
    a, b = torch.tensor([tokens[ITEMS[0]]]), torch.tensor([tokens[ITEMS[1]]])
    graph = model.network.behaviours[0].graph
    hidden = model._edges_between(a, b)[0].nonzero().squeeze(1)
    ends = [
        (int(torch.searchsorted(graph.offsets, edge, right=True)) - 1, int(graph.entries[edge]))
        for edge in hidden
    ]
    assert sorted(ends) == sorted([(a.item(), b.item()), (b.item(), a.item())])


def label(folder: Path, said: dict[tuple[str, str], str]) -> None:
    """Labels by one that agrees with training on what it is asked, and says this as well.

    They are too few to teach anything about pairs that are not among them.
    """
    rows = [
        (ITEMS[a], ITEMS[b], relation)
        for relation, found in pairs().items()
        for a, b, phase in found
        if phase == "train"
    ]
    rows = rows[:: len(rows) // 25] + [(ITEMS[n], ITEMS[n + 25], "irrelevant") for n in range(10)]
    rows = [row for row in rows if row[:2] not in said]
    write_labels(folder, rows + [(*pair, relation) for pair, relation in said.items()])


def write_labels(folder: Path, rows: list[tuple[str, str, str]]) -> None:
    columns = {
        name: pa.array([row[place] for row in rows], pa.string())
        for place, name in enumerate(("query", "target", "label"))
    }
    columns["confidence"] = pa.array([1.0] * len(rows), pa.float64())
    for name, value in (("labeller", "friend"), ("prompt_version", "1")):
        columns[name] = pa.array([value] * len(rows), pa.string())
    path = folder / "supervision" / "friend.parquet"
    path.parent.mkdir(exist_ok=True)
    metadata = {TRAIN_SHA256: training_checksum(folder)}
    pq.write_table(pa.table(columns, metadata=metadata), path)


def test_labels_add_reject_and_move_pairs(tiny_folder):
    # items 0 to 9 are substitutes; 0 and 39 have nothing to do with each other
    without_behaviour_of(tiny_folder, "B39", but=1)
    added, rejected, moved = ("B00", "B39"), ("B00", "B01"), ("B02", "B03")
    idle = ("B05", "B38")  # both have training pairs enough
    said = {added: "substitute", rejected: "irrelevant", moved: "complement", idle: "substitute"}
    label(tiny_folder, said)
    _, before, _ = prepare(tiny_folder)
    _, model, parts = prepare(tiny_folder, supervision=["friend"])
    number = {name: n for n, name in enumerate(model.names)}

    def edge(of, behaviour, pair):
        """The weight of an edge, None where there is none."""
        ends = [torch.tensor([number[item]]) for item in pair]
        encoder = of.network.behaviours[behaviour]
        found, edges = encoder.graph.find(*ends)
        return encoder.weights(edges).item() if found.item() else None

    assert edge(before, 0, added) is None
    assert edge(model, 0, added) > 0.5
    assert edge(model, 0, idle) is None
    assert edge(model, 0, rejected) < 0.5 * edge(before, 0, rejected)
    assert edge(before, 1, moved) is None
    assert edge(model, 1, moved) > 0.5
    assert edge(model, 0, moved) < edge(before, 0, moved)
    losses = model.calculate_loss(next(iter(parts[0])))
    sum(losses).backward()
    query = torch.tensor([number["B00"], model.n_items + number["B02"]])
    counts = model.positives.counts(query, torch.tensor([number["B39"], number["B03"]]))
    assert 0.3 < counts[0] < 1  # a new pair counts as it is believed, a moved one in full
    assert counts[1] == 1


def test_labels_are_used_when_they_are_asked_for(tiny_folder):
    label(tiny_folder, {})
    losses = [
        sum(prepare(tiny_folder, supervision=named)[1].calculate_loss(batch)).item()
        for named in ([], ["friend"])
        for batch in [next(iter(prepare(tiny_folder)[2][0]))]
    ]
    assert losses[0] != losses[1]
    with pytest.raises(SupervisionError, match="found friend"):
        prepare(tiny_folder, supervision=["nobody"])


@pytest.mark.parametrize("behaviour", [True, False])
@pytest.mark.parametrize("said", ["nothing", "unsure", "of strangers"])
def test_labels_that_say_nothing_change_nothing(tiny_folder, said, behaviour):
    """A labeller that failed on every pair, one that is sure of none, one of strangers alone."""
    rows = {
        "nothing": [],
        "unsure": [(ITEMS[0], ITEMS[1], "unsure"), (ITEMS[0], ITEMS[11], "unsure")],
        "of strangers": [(ITEMS[0], ITEMS[39], "irrelevant")],
    }[said]
    write_labels(tiny_folder, rows)
    settings = {"behaviour": behaviour, "refile": False}
    _, before, _ = prepare(tiny_folder, **settings)
    _, model, _ = prepare(tiny_folder, supervision=["friend"], **settings)
    weights = [of.positives.rows.weights for of in (before, model)]
    assert torch.equal(*weights)
