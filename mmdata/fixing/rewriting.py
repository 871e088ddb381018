"""Sentences that still hold foreign words, rewritten by a model, and taken only where nothing is wrong with them.

What is sent is the sentence alone, so the rest of the answer stays as it was by construction. A
question is its content: the same sentence is paid for once, and its answer is kept in the store
under the prompt id `<prompt>.rewrite`.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from ..annotation.money import Purse, price_of, text_tokens
from ..annotation.prompt import Prompt
from ..annotation.questions import key_of, questions
from ..annotation.store import Store
from ..errors import AnnotationError
from ..foreign import foreign_words
from ..reading import Release, Row
from ..terms import Terms
from .rules import map_object, misfit
from .tags import LabelTag, apart
from .wording import MARKUP, Wording

SHORTEST, LONGEST = 0.5, 2.0
"""Of a rewritten sentence, against the old one."""
SYSTEM = """You correct one sentence of a record. It is to be written in {scripts} script only.
Replace the given foreign words by what an expert would write instead, translated or transliterated, and make the
particles and endings around them agree. Change nothing else: no fact, no other word, no punctuation.
Answer with the corrected sentence alone."""
USER = """Sentence: {{ sentence }}
Foreign words: {{ words }}"""

_SENTENCE = re.compile(r"\S.*?(?:[.!?。！？…]+[\"'”’)\]]*(?=\s|$)|(?=\n|$))", re.MULTILINE)


@dataclass(frozen=True)
class Rewriter:
    """Who rewrites."""

    model: str | None = None
    """The prompt's own, without it."""
    base_url: str | None = None
    """Of any OpenAI-compatible server; OPENAI_BASE_URL or OpenAI without it."""
    concurrency: int = 16
    budget: float | None = None
    """US dollars that all rewriting under the prompt may cost, earlier runs included."""
    timeout: float = 120.0
    """Seconds a request may take."""
    give_up: float = 600.0
    """Seconds after which a server that is down ends the run."""


@dataclass
class Rewriting:
    """The rewriting of one prompt's answers.

    Args:
        prompt: whose answers they are.
        store: open for writing: what is asked is kept there.
        folder: the corpus folder, for prices.yaml.
    """

    rewriter: Rewriter
    prompt: Prompt
    tags: list[LabelTag]
    wording: Wording
    terms: Terms
    store: Store
    release: Release
    folder: Path
    left: Counter[str] = field(default_factory=Counter)
    """Why a sentence was left as it was → sentences."""
    cost: float = 0.0
    """US dollars of this run, as far as the price is known."""
    stopped: str = ""
    """Why not all were asked."""

    def rewrite(self, values: list[str], row_ids: list[str]) -> list[str]:
        """The answers with their foreign sentences rewritten, as far as the model did it well."""
        if not values:
            return values
        made = list(values)
        suspects = sorted(set(self._foreign(values)))
        asked = {sentence: row_ids[n] for n in suspects for sentence in self._sentences(values[n])}
        sentences = list(asked)
        words = {sentences[n]: found for n, found in self._foreign(sentences).items()}
        table = self._answers([(s, ", ".join(dict.fromkeys(found)), asked[s]) for s, found in words.items()])
        for n in suspects:
            new = self._through(values[n], lambda sentence: table.get(sentence, sentence))
            if new != values[n] and misfit(self.prompt, new):
                self.left["the object would not fit its response class"] += 1
            else:
                made[n] = new
        return made

    def _foreign(self, texts: list[str]) -> dict[int, list[str]]:
        """Number of a text → its foreign words, in order."""
        found = foreign_words(pl.Series(texts, dtype=pl.String), self.prompt.wanted.scripts, self.terms)
        words: dict[int, list[str]] = defaultdict(list)
        for n, word in found.sort("row", "start").select("row", "word").iter_rows():
            words[n].append(word)
        return words

    def _sentences(self, value: str) -> list[str]:
        seen: list[str] = []

        def note(sentence: str) -> str:
            seen.append(sentence)
            return sentence

        self._through(value, note)
        return seen

    def _through(self, value: str, change: Callable[[str], str]) -> str:
        """An answer with `change` applied to each sentence: never to tags, nor to what is the row's label."""

        def free(part: str) -> str:
            pieces = re.split(f"({MARKUP})", part)
            return "".join(p if n % 2 else _SENTENCE.sub(lambda m: change(m[0]), p) for n, p in enumerate(pieces))

        def text(whole: str) -> str:
            return apart(whole, self.tags, free, lambda _, said: said)

        if self.prompt.response is None:
            return text(value)
        return map_object(value, text, {tag.tag: str for tag in self.tags})

    def _answers(self, wanted: list[tuple[str, str, str]]) -> dict[str, str]:
        """Sentence → what is taken instead, for (sentence, its foreign words, a row that has it)."""
        asked = self._prompt()
        rows = {key_of(asked, row)[0]: row for row in (_row(*one) for one in wanted)}
        # A failure was not paid for; any other answer was, and is not asked for again.
        todo = {key for key in rows if (held := self.store.held(key)) is None or held.status == "failed"}
        if todo and not self.stopped:
            self._ask(asked, [rows[key] for key in rows if key in todo])
        replies: dict[str, str] = {}
        for key, row in rows.items():
            held = self.store.held(key)
            if held is None:
                self.left["not asked"] += 1
            elif held.status != "ok" or held.value is None:
                self.left[f"the model's answer is {held.status}"] += 1
            else:
                replies[row.values["sentence"]] = self.wording.replace(held.value.strip())
        foreign = self._foreign(list(replies.values()))
        table = {}
        for n, (sentence, reply) in enumerate(replies.items()):
            if why := unfit(sentence, reply, foreign.get(n, ())):
                self.left[why] += 1
            else:
                table[sentence] = reply
        return table

    def _prompt(self) -> Prompt:
        model = self.rewriter.model or self.prompt.model
        # What a model takes as parameters is known of the prompt's own model only.
        parameters = self.prompt.parameters if model == self.prompt.model else {}
        made = Prompt(
            id=self.prompt.id, model=model, parameters=parameters, image=None, max_side=None, fields=["sentence", "words"],
            system=SYSTEM.format(scripts=" and ".join(self.prompt.wanted.scripts)), user=USER,
        )  # fmt: skip
        return made.model_copy(update={"id": f"{self.prompt.id}.rewrite"})  # No id of a file: it has a dot.

    def _ask(self, asked: Prompt, rows: list[Row]) -> None:
        from ..annotation.asking import Asking
        from ..annotation.client import client_for
        from ..annotation.limits import Limits
        from ..interrupts import run

        price = price_of(asked.model, self.folder)
        if self.rewriter.budget is not None and price is None:
            raise AnnotationError(
                f"the price of {asked.model} is not known, so the budget cannot be kept. Write it into "
                f"{self.folder / 'prices.yaml'}: `{asked.model}: {{input: 0.15, output: 0.60}}` (US dollars a million tokens)"
            )
        self.store.keep_prompt(asked.sha256, asked.id, asked.model_dump_json())
        before = self.store.spent(asked.id)
        purse = Purse(price, self.rewriter.budget, before)
        out = max(text_tokens(row.values["sentence"]) for row in rows)

        async def ask() -> str:
            async with client_for(self.rewriter.base_url, self.rewriter.concurrency) as client:
                limits = Limits(min(self.rewriter.concurrency, len(rows)))
                asking = Asking(
                    self.store, asked, client, limits, purse, out, self.rewriter.timeout, self.rewriter.give_up
                )
                await asking.run(questions(asked, self.release, iter(rows)))
                return asking.stopped

        self.stopped = run(ask())
        self.cost += purse.spent - before


def unfit(sentence: str, reply: str, foreign: Iterable[str]) -> str:
    """Why a rewritten sentence is not taken; empty if it is."""
    if any(True for _ in foreign):
        return "foreign words are left"
    if re.findall(r"[<>]", reply) != re.findall(r"[<>]", sentence):
        return "tags were added or taken away"
    if "\n" in reply:
        return "more than one line"
    if not SHORTEST * len(sentence) <= len(reply) <= LONGEST * len(sentence):
        return "less than half or more than twice as long"
    return ""


def _row(sentence: str, words: str, row_id: str) -> Row:
    return Row("", 0, row_id, "", {"sentence": sentence, "words": words}, {})
