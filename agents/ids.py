"""Prefixed public ids: the one table of prefixes, and how an id is made."""

import secrets
import time

PREFIXES = {
    "agent": "agent_",
    "api_key": "apikey_",
    "audit_event": "audit_",
    "claim": "claim_",
    "credential": "vcrd_",
    "decision": "dec_",
    "deployment": "depl_",
    "deployment_run": "drun_",
    "dream": "drm_",
    "dream_policy": "dpol_",
    "dream_policy_run": "dprun_",
    "environment": "env_",
    "environment_key": "ekey_",
    "event": "sevt_",
    "evidence": "evd_",
    "file": "file_",
    "member": "user_",
    "memory": "mem_",
    "memory_store": "memstore_",
    "memory_version": "memver_",
    "outbox_event": "whe_",
    "price": "price_",
    "proposal": "prop_",
    "request": "req_",
    "review": "rev_",
    "session": "sesn_",
    "session_resource": "sesrsc_",
    "skill": "skill_",
    "skill_version": "skver_",
    "thread": "sthr_",
    "vault": "vlt_",
    "verdict": "vrd_",
    "webhook_endpoint": "whend_",
    "work": "work_",
    "workspace": "wrkspc_",
}

MAX_ID_LENGTH = 64  # wire contract: clients may rely on ids of at most 64 characters

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_LENGTH = 22  # base58 digits that hold 128 bits


def new_id(kind: str) -> str:
    """A fresh id such as `agent_01…`; later ids sort after earlier ones, so inserts stay at the end of an index."""
    number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    digits = []
    for _ in range(_LENGTH):
        number, digit = divmod(number, 58)
        digits.append(_ALPHABET[digit])
    return f"{PREFIXES[kind]}01{''.join(reversed(digits))}"
