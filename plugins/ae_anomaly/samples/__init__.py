"""Sample tables to train on; README.md says whose they are and how they were cut."""

from pathlib import Path

from plugins._samples import Sample

HERE = Path(__file__).parent

FIT = (
    Sample(
        "hypothyroid",
        "Thyroid tests, some patients ill",
        "2,252 patients: age, sex, history, laboratory values with gaps. 161 have a thyroid disease (is_anomaly), which "
        "is measured with and never learned from. 120 more rows, 20 of them ill, are held out.",
        {"data": HERE / "hypothyroid.csv", "eval_data": HERE.parent / "starter" / "sample.csv"},
        "Quinlan, Garavan Institute: Thyroid Disease, UCI Machine Learning Repository",
        "CC-BY-4.0",
    ),
    Sample(
        "breast-cancer",
        "Cell samples, some malignant",
        "683 samples of breast tissue with nine features from 1 to 10 each; 239 are malignant (is_anomaly). Small, and "
        "the anomalies are plain to see.",
        {"data": HERE / "breast-cancer.csv"},
        "Wolberg: Breast Cancer Wisconsin (Original), UCI Machine Learning Repository, by way of ADBench",
        "CC-BY-4.0",
    ),
)
