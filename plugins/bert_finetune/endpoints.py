"""What the plugin answers over the API; cheap to import, the work is in `predictor`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.errors import UserError

if TYPE_CHECKING:
    from plugins.bert_finetune.answer.predictor import AnswerPredictor
    from plugins.bert_finetune.classify.predictor import ClassifierPredictor
    from plugins.bert_finetune.pretrain.predictor import MaskedLMPredictor
    from plugins.bert_finetune.tag.predictor import TaggerPredictor
    from plugins.bert_finetune.translate.predictor import TranslationPredictor


def classify(model: ClassifierPredictor, text: str, text_pair: str = "") -> dict[str, Any]:
    """Label one text, or one pair of texts.

    Args:
        text: The text; what is longer than the model's length is cut.
        text_pair: The second text, for a model trained on pairs.

    Returns:
        label: the most probable label (a list of labels for a multi-label model); probabilities: label -> 0 to 1.
    """
    return _need(model, "classify").classify(text, text_pair)


def classify_file(model: ClassifierPredictor, file: Path) -> Path:
    """Label every row of a table: CSV, TSV, JSONL or Parquet, also gzipped.

    Args:
        file: A table with the text column (and the second one) that the model was trained on, or one that can be guessed.

    Returns:
        A CSV file: the table's columns, then predicted_label and probability.
    """
    return _need(model, "classify_file").classify_file(file)


def explain(model: ClassifierPredictor, text: str, text_pair: str = "") -> dict[str, Any]:
    """Say how much each word speaks for the predicted label: the change of its log-odds when the word is masked.

    Args:
        text: The text.
        text_pair: The second text, for a model trained on pairs.

    Returns:
        label; words: [{"word", "weight"}] in reading order, positive where the word speaks for the label;
        words_left_out: how many come after the part of the text that the model reads, or after the 200th;
        tokens: how the tokenizer splits the input.
    """
    return _need(model, "explain").explain(text, text_pair)


def fill_mask(model: MaskedLMPredictor, text: str, top: int = 5) -> dict[str, Any]:
    """Guess the words behind every [MASK] of a text.

    Args:
        text: The text, with [MASK] (or ___) where a word is hidden.
        top: Words for each mask, 1 to 50.

    Returns:
        text: with the most probable words put in; masks: for each in reading order, [{"word", "probability"}], best first.
    """
    return _need(model, "fill_mask").fill_mask(text, top)


def next_sentence(model: MaskedLMPredictor, first: str, second: str) -> dict[str, Any]:
    """Say whether the second sentence follows the first, as BERT's pre-training asked.

    Args:
        first: A sentence, or several.
        second: What may come after it.

    Returns:
        follows: true or false; probability: that it follows, 0 to 1.
    """
    return _need(model, "next_sentence").next_sentence(first, second)


def fill_mask_file(model: MaskedLMPredictor, file: Path) -> Path:
    """Guess the word behind every [MASK] of a table's texts: CSV, TSV, JSONL or Parquet, also gzipped.

    Args:
        file: A table with a text column; rows without a [MASK] are left as they are.

    Returns:
        A CSV file: the table's columns, then filled_text and words, each with its probability.
    """
    return _need(model, "fill_mask_file").fill_mask_file(file)


def next_sentence_file(model: MaskedLMPredictor, file: Path) -> Path:
    """Say of every row of a table whether its second text follows its first.

    Args:
        file: A table with two text columns, such as text1 and text2.

    Returns:
        A CSV file: the table's columns, then follows (yes or no) and probability.
    """
    return _need(model, "next_sentence_file").next_sentence_file(file)


def embed(model: Any, text: str) -> list[float]:
    """Turn a text into a vector: the mean of the encoder's last token vectors.

    Args:
        text: The text; what is longer than the model reads is cut.

    Returns:
        As many numbers as the encoder is wide.
    """
    from plugins.bert_finetune.models.pooling import embed as vectors

    return [round(float(value), 6) for value in vectors(model, [text])[0]]


def tag(model: TaggerPredictor, text: str) -> dict[str, Any]:
    """Find the entities of a text, of any length.

    Args:
        text: The text.

    Returns:
        text; entities: [{"text", "label", "start", "end", "probability"}] in reading order, places in characters.
    """
    return _need(model, "tag").tag(text)


def tag_file(model: TaggerPredictor, file: Path) -> Path:
    """Find the entities of every row of a table: CSV, TSV, JSONL or Parquet, also gzipped.

    Args:
        file: A table with a text column, or a CoNLL file, whose sentences become the rows.

    Returns:
        A CSV file: the table's columns, then entities, a JSON list as `tag` gives it.
    """
    return _need(model, "tag_file").tag_file(file)


def answer(model: AnswerPredictor, question: str, context: str) -> dict[str, Any]:
    """Find the words of a context that answer a question.

    Args:
        question: The question; what is longer than 64 tokens is cut.
        context: The text to look in, of any length.

    Returns:
        answer (empty: no answer), start and end (characters of the context), probability; no_answer_probability;
        alternatives: the next best, each with answer, start, end and probability.
    """
    return _need(model, "answer").answer(question, context)


def answer_file(model: AnswerPredictor, file: Path) -> Path:
    """Answer every row of a table: CSV, TSV, JSONL or Parquet, also gzipped.

    Args:
        file: A table with the columns question and context, or SQuAD JSON, whose questions become the rows.

    Returns:
        A CSV file: the table's columns, then predicted_answer and probability.
    """
    return _need(model, "answer_file").answer_file(file)


def translate(model: TranslationPredictor, text: str, beams: int = 4, alternatives: int = 3) -> dict[str, Any]:
    """Translate a text by beam search.

    Args:
        text: A sentence, or a few.
        beams: Translations followed at once, 1 to 16.
        alternatives: How many of the next best to give, 0 to 16; there are fewer than beams.

    Returns:
        translation; score: its mean log-probability a token; alternatives: [{"translation", "score"}], best first.
    """
    return _need(model, "translate").translate(text, beams, alternatives)


def translate_file(model: TranslationPredictor, file: Path, beams: int = 4) -> Path:
    """Translate every row of a table: CSV, TSV, JSONL or Parquet, also gzipped.

    Args:
        file: A table with a text column.
        beams: Translations followed at once, 1 to 16.

    Returns:
        A CSV file: the table's columns, then translation.
    """
    return _need(model, "translate_file").translate_file(file, beams)


def label_efficiency(model: ClassifierPredictor) -> list[dict[str, Any]]:
    """What the experiment that made these weights found: accuracy against the number of labels, with and without pre-training.

    Returns:
        A record each: arm, labels, mean accuracy, low and high (95 % interval), seeds. Run it by /train, trainer label_efficiency.
    """
    return _need(model, "label_efficiency").label_efficiency()


def _need(model: Any, what: str) -> Any:
    """The model, if it can do that.

    Raises:
        UserError: If these weights were made for another task.
    """
    if hasattr(model, what):
        return model
    raise UserError(
        f"These weights do not answer {what}: they were made for another task. Choose a run, a starter or a repository that was made for it."
    )
