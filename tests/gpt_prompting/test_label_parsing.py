"""Labels read from what models write: sentences, letters, negations, other languages, JSON and Markdown; or none."""

from __future__ import annotations

import pytest

from plugins.gpt_prompting.models.label_parsing import parse_label, read_label

BINARY = "positive|negative"
CASES = [
    ("A|B", "It is a B.", "B"), ("I|B", "I think the answer is B", "B"), ("A|B|C", "A", "A"), ("A|B|C", "(b)", "B"),
    ("A|B|C", "B) negative", "B"), ("A|B|C", "The correct option is (C).", "C"), ("A|B|C", "A positive review.", ""),
    ("A|B|C", "Answer: B because A is wrong", "B"), ("A|B|C", "a good film, so B", "B"), ("A|B|C", "Both A and B", ""),
    ("A|B|C", "Not A", ""), ("A|B|C", "C because it fits", "C"), ("I|II|III", "The answer is III.", "III"),
    ("1|2", "1. negative", ""), ("1|2|3|4|5", "4 out of 5", "4"), ("1|2|3|4|5", "4/5", "4"), ("1|2|3|4|5", "4.5", ""),
    ("1|2|3|4|5", "Rating: 4", "4"), ("1|2|3|4|5", "10", ""), ("1|2|3|4|5", "4.", "4"), ("-1|0|1", "The label is -1", "-1"),
    ("IT|Sports", "It is about sports.", "Sports"), ("IT|Sports", "It is a film.", ""), ("IT|Sports", "The topic is IT", "IT"),
    ("spam|ham", "Not spam", ""), ("spam|not spam", "This is not spam.", "not spam"), ("spam|ham", "spam-free", ""),
    (BINARY, "non-positive", ""), (BINARY, "unpositive", ""), (BINARY, "I don't think it is positive", ""),
    (BINARY, "I cannot tell whether this is positive", ""), (BINARY, "This is not, in my view, positive.", ""),
    (BINARY, "It isn't positive, it's negative", "negative"), (BINARY, "Not negative, positive.", "positive"),
    (BINARY, "Neither positive nor negative", ""), (BINARY, "negative rather than positive", "negative"),
    (BINARY, "There is no doubt that this is negative", "negative"), (BINARY, "positive is wrong", ""),
    (BINARY, "Positive: no. Negative: yes.", "negative"), (BINARY, "Is it positive? No, it is negative.", "negative"),
    (BINARY, "positive or negative", ""), (BINARY, "Positive/Negative", ""), (BINARY, "positive\nnegative", ""),
    (BINARY, "The review has positive sides, but the label is negative.", "negative"),
    (BINARY, "negative\n\nExplanation: more negative than positive.", "negative"),
    (BINARY, "Label: **Negative**\n\n**Explanation:** nothing positive.", "negative"),
    (BINARY, "**Negative**", "negative"), (BINARY, "_negative_", "negative"), (BINARY, "> - `negative`.", "negative"),
    (BINARY, "「negative」", "negative"), (BINARY, "The answer is \"negative\".", "negative"), (BINARY, "ｎｅｇａｔｉｖｅ", "negative"),
    (BINARY, '{"label": "negative"}', "negative"), (BINARY, '```json\n{"label": "Negative", "why": "not positive"}\n```', "negative"),
    (BINARY, '{"positive": 0.1, "negative": 0.9}', "negative"), (BINARY, '{"why": "positive", "label": "negative"}', "negative"),
    (BINARY, "{'label': 'negative'}", "negative"), (BINARY, '["negative"]', "negative"), (BINARY, '["negative", "positive"]', ""),
    (BINARY, '[{"label": "positive", "score": 0.2}, {"label": "negative", "score": 0.8}]', "negative"),
    (BINARY, 'Here: {"label": "negative"}. It is not positive.', "negative"), (BINARY, '{"label": "negative", "why": "The', "negative"),
    (BINARY, "<answer>negative</answer>", "negative"), (BINARY, r"The final answer is \boxed{negative}.", "negative"),
    (BINARY, "<think>positive or negative</think>\n\nnegative", "negative"), (BINARY, "positive? hmm</think>negative", "negative"),
    (BINARY, "<think>maybe positive", ""), (BINARY, "<rationale>positive!</rationale> negative", "negative"),
    (BINARY, "negative<|im_end|>", "negative"), (BINARY, "", ""), (BINARY, "I do not know.", ""),
    ("yes|no", "No, it is not.", "no"), ("yes|no", "Yes, there is no doubt.", "yes"), ("yes|no", "There is no sign", ""),
    ("true|false", "Not true", ""), ("true|false", '{"answer": true}', "true"),
    ("正面|负面", "这是负面的", "负面"), ("正面|负面", "不是负面的", ""), ("正面|负面", "这不是一个正面的评论，而是负面的", "负面"),
    ("正面|负面", "这条评论非常正面。", "正面"), ("正面|负面", "情感：负面", "负面"), ("不满意|满意", "客户不满意", "不满意"),
    ("不满意|满意", "客户对此不太满意", ""), ("spam|ham", "这是spam。", "spam"),
    ("ポジティブ|ネガティブ", "これはネガティブです。", "ネガティブ"), ("ポジティブ|ネガティブ", "ポジティブではない", ""),
    ("ポジティブ|ネガティブ", "ポジティブではなくネガティブです", "ネガティブ"), ("肯定|否定", "これは否定的です", "否定"),
    ("긍정|부정", "부정입니다", "부정"), ("긍정|부정", "긍정이 아닙니다", ""),
    ("positiv|negativ", "Es ist negativ, nicht positiv.", "negativ"), ("positif|négatif", "négatif et pas positif", "négatif"),
    ("positief|negatief", "Het is negatief (niet positief)", "negatief"), ("positiv|negativ", "Positiv ist das nicht.", ""),
    ("إيجابي|سلبي", "سلبي وليس إيجابي", "سلبي"),
    ("positiv|negativ", "Das ist nicht positiv, sondern negativ.", "negativ"), ("positif|négatif", "Ce n'est pas positif", ""),
    ("positivo|negativo", "No es positivo", ""), ("позитивный|негативный", "Отзыв не позитивный", ""),
    ("позитивный|негативный", "Отзыв негативный.", "негативный"),
    ("very_bad|good", "It is Very Bad!", "very_bad"), ("World|Sci/Tech", "This is Sci/Tech.", "Sci/Tech"),
    ("C|C++", "It is written in C++.", "C++"), ("car|car park", "car park", "car park"), ("car|carpet", "a carpet", "carpet"),
    ("joy|anger|neutral", "Not joy, not anger; neutral", "neutral"), ("joy|anger|neutral", "joy, anger", ""),
    ("positive|negative", "The sentiment of this text is not positive but negative.", "negative"),
    ("positive|negative", "This review is anything but positive.", ""),
    ("positive|negative", "can't be positive", ""), ("positive|negative", "No positive sentiment.", ""),
    ("positive|negative", "Sentiment = negative", "negative"),
    ("positive|negative", "| label | negative |", "negative"), ("positive|negative", "***negative***", "negative"),
    ("positive|negative", "Negative 👎", "negative"), ("positive|negative", "Negative (95%)", "negative"),
    ("positive|negative", "I'm leaning negative.", "negative"),
    ("positive|negative", "So the label is: negative", "negative"),
    ("positive|negative", "Sure, here's the answer:\n\nnegative", "negative"),
    ("positive|negative", "At first sight positive. Final answer: negative", "negative"),
    ("positive|negative", "\\boxed{\\text{Negative}}", "negative"),
    ("positive|negative", "negative.\nText: great\nLabel: positive", "negative"), ("positive|negative", "neg", ""),
    ("positive|negative", "\"label\": \"negative\"", "negative"),
    ("positive|negative", "{\"result\": {\"label\": \"negative\"}}", "negative"),
    ("positive|negative", "{\"sentiment\": \"negative\", \"confidence\": 0.9}", "negative"),
    ("positive|negative", "{\"is_positive\": false}", ""),
    ("positive|negative", "<think>positive</think><answer>negative</answer>", "negative"),
    ("positive|negative", "<|start_header_id|>assistant<|end_header_id|>\n\nnegative<|eot_id|>", "negative"),
    ("positive|negative", "Thought: could be positive.\nAnswer: negative", "negative"),
    ("positive|negative", "Not sure.", ""),
    ("positive|neutral|negative", "neither positive nor negative, so neutral", "neutral"),
    ("positive|neutral|negative", "non-neutral", ""), ("positive|neutral|negative", "mixed", ""),
    ("spam|ham", "Spam: yes", "spam"), ("spam|ham", "Ham", "ham"), ("spam|ham", "isn't spam", ""),
    ("spam|ham", "hamburger", ""), ("toxic|non-toxic", "This comment is toxic.", "toxic"),
    ("toxic|non-toxic", "Not toxic", ""), ("toxic|not_toxic", "The comment is not toxic", "not_toxic"),
    ("A|B|C|D", "Answer: (D)", "D"), ("A|B|C|D", "D. Paris", "D"), ("A|B|C|D", "Option D is correct", "D"),
    ("A|B|C|D", "A and D are wrong, so C", ""), ("A|B|C|D", "A dog barks", ""), ("A|B|C|D", "I'd say A", "A"),
    ("A|B|C|D", "答案是B", "B"), ("A|B|C|D", "答案：B。", "B"), ("A|B|C|D", "选B", "B"), ("A|B|C|D", "正解はCです", "C"),
    ("A|B", "Answer is A because B is false", "A"), ("1|0", "0", "0"), ("1|0", "1.", "1"),
    ("1|0", "The answer is 0.", "0"), ("1|2|3", "Class 2", "2"), ("1|2|3", "第2类", "2"), ("yes|no", "no", "no"),
    ("yes|no", "No.", "no"), ("yes|no", "The answer is yes", "yes"), ("yes|no", "I would say no", "no"),
    ("是|否", "是", "是"), ("是|否", "否", "否"), ("是|否", "不是", ""), ("是|不是", "不是", "不是"), ("正面|负面|中性", "中性", "中性"),
    ("正面|负面|中性", "这条评论既不正面也不负面，是中性的", "中性"), ("正面|负面|中性", "这条评论的情感倾向是负面。", "负面"), ("正面|负面|中性", "正面或负面", ""),
    ("正面|负面|中性", "无法判断是正面还是负面", ""), ("正面|负面", "**负面**", "负面"), ("正面|负面", "“负面”", "负面"), ("正面|负面", "标签：负面", "负面"),
    ("正面|负面", "非正面", ""), ("正面|负面", "并非负面", ""), ("正面|负面", "没有正面情绪", ""), ("正面|负面", "毫无疑问是负面", "负面"),
    ("正面|负面", "與其說正面，不如說負面", ""), ("正面|負面", "這不是正面的", ""), ("体育|财经|科技", "这是一条体育新闻", "体育"),
    ("体育|财经|科技", "该新闻属于科技类。", "科技"), ("好評|悪評", "これは悪評です", "悪評"), ("好評|悪評", "好評とは言えません", ""),
    ("好評|悪評", "好評ではなく悪評", "悪評"), ("ポジティブ|ネガティブ", "感情：ネガティブ", "ネガティブ"), ("ポジティブ|ネガティブ", "答えは「ネガティブ」です。", "ネガティブ"),
    ("ポジティブ|ネガティブ", "ネガティブと考えられます", "ネガティブ"), ("ポジティブ|ネガティブ", "ポジティブとは言えない", ""), ("ポジティブ|ネガティブ", "ポジティブじゃない", ""),
    ("はい|いいえ", "いいえ、違います。", "いいえ"), ("긍정|부정", "긍정적이지 않습니다", ""), ("긍정|부정", "답: 부정", "부정"),
    ("긍정|부정", "부정적인 리뷰입니다.", "부정"), ("เชิงบวก|เชิงลบ", "ข้อความนี้เป็นเชิงลบ", "เชิงลบ"),
    ("เชิงบวก|เชิงลบ", "ไม่ใช่เชิงบวก", ""), ("إيجابي|سلبي", "هذا النص سلبي", "سلبي"),
    ("إيجابي|سلبي", "ليس إيجابي", ""), ("olumlu|olumsuz", "olumlu değil", ""),
    ("सकारात्मक|नकारात्मक", "यह सकारात्मक नहीं है", ""), ("सकारात्मक|नकारात्मक", "यह नकारात्मक है", "नकारात्मक"),
    ("positief|negatief", "Dit is niet positief", ""), ("positiv|negativ", "Positiv ist das nicht.", ""),
    ("positif|négatif", "Pas positif, plutôt négatif", "négatif"), ("Spam|Kein Spam", "Kein Spam", "Kein Spam"),
    ("Spam|Kein Spam", "Das ist Spam.", "Spam"), ("business|sports|sci/tech", "It belongs to Sci / Tech", ""),
    ("5 stars|4 stars", "I give it 5 stars", "5 stars"), ("good, really|bad", "good, really", "good, really"),
    ("entailment|neutral|contradiction", "does not entail; contradiction", "contradiction"),
    ("True|False", "The statement is not False", ""), ("joy|sadness", "joy 😀", "joy"), ("😀|😡", "😡", "😡"),
    ("😀|😡", "The mood is 😡.", "😡"), ("request|complaint|other", "other", "other"),
]  # fmt: skip


@pytest.mark.parametrize(("labels", "answer", "label"), CASES)
def test_an_answer_names_the_one_label_that_it_asserts(labels: str, answer: str, label: str) -> None:
    assert parse_label(answer, {name: name for name in labels.split("|")}) == label


def test_the_words_of_a_label_may_be_others_than_its_name() -> None:
    assert parse_label("It is terrible.", {"good": " great", "bad": " terrible"}) == "bad"


def test_a_missing_label_has_a_reason() -> None:
    labels = {"positive": "positive", "negative": "negative"}
    assert read_label("positive, negative", labels).reason == "The answer names several labels: positive, negative."
    assert read_label("hm", labels).reason == "The answer names no label."


@pytest.mark.parametrize(
    "answer", ["[" * 100_000, "{" * 100_000, '{"label": ' * 2000, '{"label": 1' + "0" * 400 + "}", "\\boxed{" * 5000]
)
def test_an_answer_of_any_form_costs_no_more_than_itself(answer: str) -> None:
    assert parse_label(answer, {"positive": "positive", "negative": "negative"}) == ""
