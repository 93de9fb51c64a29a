"""Train runs on machines rented from Hugging Face (HF Jobs). Knows runs and the Hub."""
