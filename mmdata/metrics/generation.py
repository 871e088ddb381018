"""Generated texts beside what people wrote: BLEU-4, ROUGE-1/2/L and likeness of meaning, in any language."""

import importlib
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import MmdataError
from .encoding import Encode
from .intervals import Floats, ends, means, resampled
from .measures import Measures, Outcome, Score

ROUGES = {"ROUGE-1": "rouge1", "ROUGE-2": "rouge2", "ROUGE-L": "rougeL"}
TOKENIZERS = ("13a", "char", "intl", "ja-mecab", "ko-mecab", "zh")
"""sacrebleu's, of those that are there without a download. Of Korean, 13a and intl take what stands between blanks, particles
and all; char every letter; ko-mecab its morphemes, which needs `pip install sacrebleu[ko]`."""


def generate(
    texts: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    tokenize: str = "13a",
    encode: Encode | None = None,
    encoder: str = "",
    groups: Sequence[Any] | None = None,
    ids: Sequence[str] = (),
    seed: int = 0,
    rounds: int = 1000,
) -> Measures:
    """BLEU-4, ROUGE-1/2/L, the share of texts that are a reference's words, and, with an encoder, similarity.

    Args:
        texts: N that were generated.
        references: of each, one or more that people wrote; the nearest counts.
        tokenize: one of TOKENIZERS. Figures of two tokenizers cannot be compared.
        encode: vectors of texts; None: no similarity.
        encoder: its name, for the note.
        groups: N values; intervals are over groups.
        ids: of the rows, for a table of outcomes; none, no table.
    """
    if not texts:
        return Measures(notes=["there is no text to judge"])
    by_row = rouge(texts, references, tokenize=tokenize)
    notes = dict.fromkeys(by_row, f"F1; tokens: {_TOKENS.get(tokenize, tokenize)}, in lower case")
    same = [_same(text, of) for text, of in zip(texts, references, strict=True)]
    by_row |= {"exact": np.array(same, dtype=np.float64)}
    notes |= {"exact": "case and punctuation aside"}
    if encode is not None:
        by_row |= {"similarity": similarity(texts, references, encode)}
        notes |= {"similarity": f"cosine, of {encoder}" if encoder else "cosine"}
    scores = [
        bleu(texts, references, tokenize=tokenize, groups=groups, seed=seed, rounds=rounds),
        *means(by_row, groups=groups, notes=notes, seed=seed, rounds=rounds),
    ]
    told = zip(ids, texts, references, same, by_row["ROUGE-L"], strict=True) if ids else ()
    outcomes = [
        # Other words than a person's need not be wrong.
        Outcome(id=id, truth=" / ".join(of), said=text, right=one or None, note=f"ROUGE-L {near:.2f}")
        for id, text, of, one, near in told
    ]
    told_of = []
    if empty := sum(not text.strip() for text in texts):
        told_of.append(f"{empty:,} of {len(texts):,} texts are empty; they count as they are")
    if short := int(np.isnan(by_row["ROUGE-2"]).sum()):
        told_of.append(f"ROUGE-2 leaves out {short:,} of {len(texts):,} texts: no reference of theirs has two tokens")
    return Measures(scores=scores, outcomes=outcomes, notes=told_of)


def bleu(
    texts: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    tokenize: str = "13a",
    groups: Sequence[Any] | None = None,
    seed: int = 0,
    rounds: int = 1000,
) -> Score:
    """BLEU-4 of all texts together, of 100, by sacrebleu (Papineni et al. 2002; Post 2018).

    Where no text is four tokens long, it is of the orders that there are (`eff:yes`), so that equal texts have 100.

    Raises:
        MmdataError: there is no such tokenizer, or it lacks a package.
    """
    metric, counts = _metric(tokenize), []
    for text, of in zip(texts, references, strict=True):
        one = metric.sentence_score(text, list(of))
        counts.append([*one.counts, *one.totals, one.sys_len, one.ref_len])
    parts = np.array(counts, dtype=np.float64)
    drawn = resampled(parts, groups=groups, seed=seed, rounds=rounds)
    low, high = (None, None) if drawn is None else ends(np.array([_bleu(metric, one) for one in drawn]))
    version = importlib.import_module("sacrebleu").__version__
    return Score(
        name="BLEU-4",
        value=_bleu(metric, parts.sum(axis=0)),
        low=None if low is None else float(low),
        high=None if high is None else float(high),
        n=len(texts),
        note=f"of 100; sacrebleu {version}, case:mixed|eff:yes|tok:{tokenize}|smooth:exp",
    )


def rouge(texts: Sequence[str], references: Sequence[Sequence[str]], *, tokenize: str = "13a") -> dict[str, Floats]:
    """F1 of ROUGE-1, -2 and -L of each text with the reference that is nearest by it, by rouge_score (Lin 2004).

    rouge_score's own tokenizer knows a to z only, so that all Korean texts would be empty; this one takes any letters,
    and is the same where all are a to z.

    Returns:
        name → (N,). NaN in ROUGE-2 where no reference has two tokens: it hangs on no answer which rows count. An
        answer of one token has 0 there.
    """
    scoring = _needed("rouge_score.rouge_scorer", "ROUGE")
    scorer = scoring.RougeScorer(list(ROUGES.values()), tokenizer=_Tokens(tokenize))
    found: dict[str, list[float]] = {name: [] for name in ROUGES}
    for text, of in zip(texts, references, strict=True):
        score = scorer.score_multi(list(of), text)
        for name, key in ROUGES.items():
            found[name].append(score[key].fmeasure)
        if max(len(tokens_of(one, tokenize)) for one in of) < 2:
            found["ROUGE-2"][-1] = float("nan")
    return {name: np.array(values) for name, values in found.items()}


def similarity(texts: Sequence[str], references: Sequence[Sequence[str]], encode: Encode) -> Floats:
    """(N,) cosine of each text with the reference that is nearest to it, from -1 to 1. Equal texts have 1."""
    every = list(dict.fromkeys([*texts, *(one for of in references for one in of)]))
    vectors = dict(zip(every, encode(every), strict=True))
    return np.array(
        [max(float(vectors[text] @ vectors[one]) for one in of) for text, of in zip(texts, references, strict=True)]
    )


def tokens_of(text: str, tokenize: str) -> list[str]:
    """What ROUGE counts: words without punctuation, in lower case; of char every letter; else sacrebleu's tokens."""
    plain = unicodedata.normalize("NFC", text).casefold()
    if tokenize in ("13a", "intl"):
        return _WORD.findall(plain)
    if tokenize == "char":
        return [letter for word in _WORD.findall(plain) for letter in word]
    return [token for token in str(_metric(tokenize).tokenizer(plain)).split() if _WORD.search(token)]


class _Tokens:
    """As rouge_score wants a tokenizer."""

    def __init__(self, name: str):
        self.name = name

    def tokenize(self, text: str) -> list[str]:
        return tokens_of(text, self.name)


_METRICS: dict[str, Any] = {}


def _metric(tokenize: str) -> Any:
    """sacrebleu's BLEU."""
    if tokenize not in TOKENIZERS:
        raise MmdataError(f"tokenize is {tokenize!r}; choose {', '.join(TOKENIZERS)}")
    if tokenize not in _METRICS:
        metrics = _needed("sacrebleu.metrics", "BLEU")
        try:
            _METRICS[tokenize] = metrics.BLEU(tokenize=tokenize, effective_order=True)
        except RuntimeError as error:
            said = " ".join(str(error).split())
            raise MmdataError(f"the tokenizer {tokenize} cannot be had: {said}, or choose char") from None
    return _METRICS[tokenize]


def _bleu(metric: Any, sums: Floats) -> float:
    counts = [round(one) for one in sums.tolist()]
    made = metric.compute_bleu(counts[:4], counts[4:8], *counts[8:], smooth_method="exp", effective_order=True)
    return round(float(made.score), 9)  # Equal texts have 100, not 100.00000000000004.


def _needed(module: str, what: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MmdataError(
            f"Please install {error.name} to have {what} (`pip install 'mmdata-corpus[evaluate]'`)"
        ) from None


def _same(text: str, references: Sequence[str]) -> bool:
    return tokens_of(text, "13a") in [tokens_of(one, "13a") for one in references]


_WORD = re.compile(r"[^\W_]+")
_TOKENS = {"13a": "words", "intl": "words", "char": "letters"}
