"""From a model of the register to the input of a policy.

Facts come from the register. Everything else (stage, use, approvals, scores, data sets, costs) is made up by
the rules below and a seeded generator: it says nothing about the real model or its publisher.
"""

from collections.abc import Sequence
from random import Random
from typing import Final, Literal, TypeVar

from devstack.demo.register import Model

T = TypeVar("T")

Document = dict[str, object]
Use = Literal["research", "internal", "commercial"]

LARGE_PARAMETERS: Final = 100_000_000_000
"""From this size on, commercial use of a language model counts as high risk in this scenario."""

UNDISCLOSED_BILLIONS: Final = 500.0
"""Size, in billions, that the cost rule takes for a model whose publisher names none."""

_STAGES: Final = (("research", 20), ("staging", 30), ("production", 50))
_USES: Final[tuple[tuple[Use, int], ...]] = (("research", 25), ("internal", 35), ("commercial", 40))
_MODEL_APPROVALS: Final = ("licence_review", "vendor_contract", "documentation_review", "size_review")
_PURPOSES: Final = ("pretraining", "fine-tuning", "evaluation", "feedback")
_OPERATIONS: Final = (("ingest", 25), ("read", 30), ("train", 25), ("transfer", 12), ("delete", 8))
_LEGAL_BASES: Final = (
    "consent", "contract", "legal_obligation", "vital_interests", "public_task", "legitimate_interests",
)  # fmt: skip
_REGIONS: Final = ("eu", "us", "in", "br")
_MECHANISMS: Final = ("adequacy_decision", "standard_contractual_clauses", "binding_corporate_rules")
_PERSONAL: Final = {"pretraining": 0.2, "fine-tuning": 0.4, "evaluation": 0.15, "feedback": 1.0}
"""Chance that a data set of this purpose holds personal data."""

_TOOLS: Final = {
    "researcher": ("web_search", "document_read"),
    "analyst": ("document_read", "sql_query", "spreadsheet_write"),
    "developer": ("code_search", "code_run", "repository_write", "file_delete"),
    "operator": ("document_read", "service_restart", "database_delete", "payment_send"),
}
_DAY_BUDGETS: Final = {"researcher": 20, "analyst": 50, "developer": 100, "operator": 500}
_DESTRUCTIVE: Final = frozenset({"file_delete", "database_delete", "payment_send", "service_restart"})
_DOMAINS: Final = ("arxiv.org", "github.com", "nist.gov", "eur-lex.europa.eu", "en.wikipedia.org")
_FOREIGN_DOMAINS: Final = ("example.com", "files.example.net")


def risk_level(model: Model, use: Use) -> Literal["high", "limited", "minimal"]:
    """The scenario's risk rule, from modality, size and use; no judgement of the model itself.

    High: protein models outside research; commercial use of image, audio or multimodal models, and of models
    that are large or of undisclosed size. Limited: any other commercial use. Minimal: the rest.
    """
    if model.modality == "protein" and use != "research":
        return "high"
    if use != "commercial":
        return "minimal"
    large = model.parameters is None or model.parameters >= LARGE_PARAMETERS
    return "high" if large or model.modality in {"image", "audio", "multimodal"} else "limited"


def promotion(model: Model, rng: Random) -> Document:
    """May this model go to that stage for that use? One document for both model policies.

    A model whose publisher has put out a card has an explainability report in 80 % of cases, another in 30 %;
    its score is drawn from 0.55 to 0.99. Of four approvals, production has each in half of the cases.
    """
    use = _weighted(rng, _USES)
    stage = _weighted(rng, _STAGES)
    reported = rng.random() < (0.8 if model.has_model_card else 0.3)
    described: Document = {
        "id": model.id,
        "name": model.name,
        "publisher": model.publisher,
        "modality": model.modality,
        "parameters": model.parameters,
        "licence": model.licence,
        "has_model_card": model.has_model_card,
        "documentation": model.documentation,
        "risk_level": risk_level(model, use),
        "has_explainability_report": reported,
    }
    if reported:
        described["explainability_score"] = round(rng.triangular(0.55, 0.99, 0.86), 2)
    approvals = [kind for kind in _MODEL_APPROVALS if stage == "production" and rng.random() < 0.5]
    return {"model": described, "promotion": {"stage": stage, "use": use, "approvals": approvals}}


def pipeline(model: Model, rng: Random) -> tuple[str, Document]:
    """An operation on a data set that belongs to the model: the data set's name, and the input.

    Protein data is never personal; feedback always is, other data by its purpose. Personal data has a legal
    basis in 85 % of cases and is de-identified in 70 %.
    """
    purpose = rng.choice(_PURPOSES)
    operation = _weighted(rng, _OPERATIONS)
    personal = model.modality != "protein" and rng.random() < _PERSONAL[purpose]
    region = rng.choice(_REGIONS)
    name = f"{model.id}-{purpose}"
    dataset: Document = {
        "id": name,
        "contains_personal_data": personal,
        "raw_source": rng.random() < 0.5,
        "region": region,
        "retention_days": rng.choice((30, 90, 365, 1825, 3650, 7300)),
    }
    if personal:
        dataset["special_category"] = rng.random() < 0.1
        dataset["deidentified"] = rng.random() < 0.7
        if rng.random() < 0.85:
            dataset["legal_basis"] = rng.choice(_LEGAL_BASES)
    asked: Document = {"operation": operation, "dataset": dataset, "approvals": _data_approvals(rng)}
    if operation == "transfer":
        destination: Document = {"region": rng.choice(_REGIONS)}
        if rng.random() < 0.7:
            destination["mechanism"] = rng.choice(_MECHANISMS)
        asked["destination"] = destination
    return name, asked


def tool_call(model: Model, rng: Random) -> tuple[str, Document]:
    """A tool call of an agent that runs on the model: the agent's name, and the input.

    One call in ten asks for a tool of another role. The cost grows with the model's size (0.2 cents a billion
    parameters and step, 1 to 12 steps) and is not a price of its publisher.
    """
    role = rng.choice(tuple(_TOOLS))
    agent = f"{model.id}-{role}"
    own = rng.random() < 0.9
    tool = rng.choice(_TOOLS[role] if own else _TOOLS[rng.choice(tuple(_TOOLS))])
    billions = UNDISCLOSED_BILLIONS if model.parameters is None else model.parameters / 1e9
    cost = 0.002 * billions * rng.randint(1, 12) + (rng.uniform(5, 130) if tool == "payment_send" else 0.0)
    asked: Document = {
        "agent": {"id": agent, "role": role, "model": model.id},
        "tool": {"name": tool, "destructive": tool in _DESTRUCTIVE},
        "cost_usd": round(cost, 2),
        "spent_today_usd": round(rng.uniform(0, 1.05 * _DAY_BUDGETS[role]), 2),
        "egress_domains": _egress(tool, rng),
    }
    if tool in _DESTRUCTIVE and rng.random() < 0.6:
        asked["approval"] = {"granted": True, "actor_type": "person", "actor_id": "duty-officer"}
    return agent, asked


def _data_approvals(rng: Random) -> list[str]:
    chances = (("data_steward", 0.4), ("special_category_review", 0.3))
    return [kind for kind, chance in chances if rng.random() < chance]


def _egress(tool: str, rng: Random) -> list[str]:
    if tool != "web_search":
        return []
    return [
        rng.choice(_DOMAINS if rng.random() < 0.8 else _FOREIGN_DOMAINS) for _ in range(rng.randint(1, 2))
    ]


def _weighted(rng: Random, choices: Sequence[tuple[T, int]]) -> T:
    return rng.choices([value for value, _ in choices], [weight for _, weight in choices])[0]
