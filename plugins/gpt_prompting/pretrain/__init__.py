"""Next-token prediction on text, dialogues and few-shot prompts."""
