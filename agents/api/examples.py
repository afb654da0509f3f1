"""One example per operation, runnable with the official client from top to bottom; a test runs them all.

Each names the client's method that makes the call, so the document can say what the method returns. What the wire does
not know has no method: such a call is made with the client's `get` and `post`.
"""

import re
from typing import NamedTuple


class Example(NamedTuple):
    method: str
    code: str


PART = re.compile(r"{\w+}")
WAIT = """\
with client.beta.sessions.events.stream(session.id) as stream:
    client.beta.sessions.events.send(session.id, events=[message])
    for event in stream:
        if event.type == "session.status_idle":
            break"""
SKILL = '[("report/SKILL.md", b"---\\nname: report\\ndescription: Writes reports.\\n---\\nBe brief.")]'


def _nameless(operation: str) -> str:
    return PART.sub("{}", operation)


def _call(name: str, arguments: str = "", result: str = "") -> Example:
    return Example(name, f"{result} = client.{name}({arguments})" if result else f"client.{name}({arguments})")


def _each(name: str, arguments: str = "", shown: str = "id") -> Example:
    return Example(name, f"for found in client.{name}({arguments}):\n    print(found.{shown})")


def _worker(verb: str, arguments: str, result: str = "") -> Example:
    """A call that only a worker makes, with the key of its environment."""
    example = _call(f"beta.environments.work.{verb}", arguments)
    code = f"worker_{example.code}"
    return Example(example.method, f"{result} = {code}" if result else code)


def _get(path: str, result: str = "") -> Example:
    call = f"client.get({_quoted(path)}, cast_to=object)"
    return Example("", f"{result} = {call}" if result else f"print({call})")


def _post(path: str, body: str = "{}", result: str = "") -> Example:
    call = f"client.post({_quoted(path)}, cast_to=object, body={body})"
    return Example("", f"{result} = {call}" if result else call)


def _quoted(path: str) -> str:
    return f"f'/v1/{path}'" if "{" in path else f'"/v1/{path}"'


def _decide(lane: str, status: str, verb: str, body: str) -> Example:
    listed = f"/v1/proposals?lanes[]={lane}&statuses[]={status}&limit=1"
    return Example(
        "",
        f'for found in client.get("{listed}", cast_to=object)["data"]:\n'
        f"    client.post(f'/v1/proposals/{{found[\"id\"]}}/{verb}', cast_to=object, body={body})",
    )


BEARER = '{"type": "static_bearer", "mcp_server_url": "https://mcp.example.com/mcp", "token": "secret"}'
OAUTH = '{"type": "mcp_oauth", "mcp_server_url": "https://other.example.com/mcp", "access_token": "secret"}'
MESSAGE = '[{"type": "user.message", "content": [{"type": "text", "text": "Which files are here?"}]}]'
TRANSCRIPT = (
    '{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}], "reward": 1.0}'
)
MEMORY = "memory.id, memory_store_id=store.id"
FIRST = "first.memory_version_id, memory_store_id=store.id"
CREDENTIAL = "credential.id, vault_id=vault.id"
THREAD = "thread.id, session_id=session.id"
WORK = "work.id, environment_id=queue_id"
INPUTS = '[{"type": "memory_store", "memory_store_id": store.id}, {"type": "sessions", "session_ids": [session.id]}]'

# In the order in which they can be run.
EXAMPLES = {
    "POST /agents": _call(
        "beta.agents.create",
        'name="Scribe", model="claude-opus-4-8", tools=[{"type": "agent_toolset_20260401"}]',
        "agent",
    ),
    "GET /agents": _each("beta.agents.list", "limit=20", "name"),
    "GET /agents/{agent_id}": _call("beta.agents.retrieve", "agent.id, version=1", "agent"),
    "POST /agents/{agent_id}": _call(
        "beta.agents.update", 'agent.id, version=agent.version, system="Be brief."', "agent"
    ),
    "GET /agents/{agent_id}/versions": _each("beta.agents.versions.list", "agent.id", "version"),
    "POST /environments": _call("beta.environments.create", 'name="box", config={"type": "cloud"}', "environment"),
    "GET /environments": _each("beta.environments.list", shown="name"),
    "GET /environments/{environment_id}": _call("beta.environments.retrieve", "environment.id", "environment"),
    "POST /environments/{environment_id}": _call(
        "beta.environments.update", 'environment.id, description="For trying things out"', "environment"
    ),
    "POST /files": _call("files.upload", 'file=("notes.txt", b"One, two, three.")', "file"),
    "GET /files": _each("files.list", "limit=20", "filename"),
    "GET /files/{file_id}": _call("files.retrieve_metadata", "file.id", "file"),
    "POST /skills": _call("skills.create", f"files={SKILL}", "skill"),
    "GET /skills": _each("skills.list", 'source="custom"', "display_name"),
    "GET /skills/{skill_id}": _call("skills.retrieve", "skill.id", "skill"),
    "POST /skills/{skill_id}/versions": _call("skills.versions.create", f"skill.id, files={SKILL}", "version"),
    "GET /skills/{skill_id}/versions": _each("skills.versions.list", "skill.id"),
    "GET /skills/{skill_id}/versions/{version}": _call(
        "skills.versions.retrieve", '"latest", skill_id=skill.id', "version"
    ),
    "GET /skills/{skill_id}/versions/{version}/content": _call(
        "beta.skills.versions.download", "version.id, skill_id=skill.id", "archive"
    ),
    "DELETE /skills/{skill_id}/versions/{version}": _call("skills.versions.delete", "version.id, skill_id=skill.id"),
    "DELETE /skills/{skill_id}": _call("skills.delete", "skill.id"),
    "POST /memory_stores": _call(
        "beta.memory_stores.create", 'name="Field notes", description="What we learnt"', "store"
    ),
    "GET /memory_stores": _each("beta.memory_stores.list", shown="name"),
    "GET /memory_stores/{store_id}": _call("beta.memory_stores.retrieve", "store.id", "store"),
    "POST /memory_stores/{store_id}": _call("beta.memory_stores.update", 'store.id, metadata={"team": "north"}'),
    "POST /memory_stores/{store_id}/memories": _call(
        "beta.memory_stores.memories.create", 'store.id, path="/tides.md", content="High at six."', "first"
    ),
    "GET /memory_stores/{store_id}/memories": _each(
        "beta.memory_stores.memories.list", 'store.id, path_prefix="/"', "path"
    ),
    "GET /memory_stores/{store_id}/memories/{memory_id}": _call(
        "beta.memory_stores.memories.retrieve", "first.id, memory_store_id=store.id", "memory"
    ),
    "POST /memory_stores/{store_id}/memories/{memory_id}": _call(
        "beta.memory_stores.memories.update",
        f'{MEMORY}, content="High at seven.",'
        ' precondition={"type": "content_sha256", "content_sha256": memory.content_sha256}',
    ),
    "GET /memory_stores/{store_id}/memory_versions": _each(
        "beta.memory_stores.memory_versions.list", "store.id, memory_id=memory.id", "operation"
    ),
    "GET /memory_stores/{store_id}/memory_versions/{version_id}": _call(
        "beta.memory_stores.memory_versions.retrieve", FIRST
    ),
    "POST /memory_stores/{store_id}/memory_versions/{version_id}/redact": _call(
        "beta.memory_stores.memory_versions.redact", FIRST
    ),
    "POST /vaults": _call("beta.vaults.create", 'display_name="Keys"', "vault"),
    "GET /vaults": _each("beta.vaults.list", shown="display_name"),
    "GET /vaults/{vault_id}": _call("beta.vaults.retrieve", "vault.id", "vault"),
    "POST /vaults/{vault_id}": _call("beta.vaults.update", 'vault.id, display_name="Keys of the team"'),
    "POST /vaults/{vault_id}/credentials": _call(
        "beta.vaults.credentials.create", f"vault.id, auth={BEARER}", "credential"
    ),
    "GET /vaults/{vault_id}/credentials": _each("beta.vaults.credentials.list", "vault.id"),
    "GET /vaults/{vault_id}/credentials/{credential_id}": _call("beta.vaults.credentials.retrieve", CREDENTIAL),
    "POST /vaults/{vault_id}/credentials/{credential_id}": _call(
        "beta.vaults.credentials.update", f'{CREDENTIAL}, auth={{"type": "static_bearer", "token": "newer"}}'
    ),
    "POST /vaults/{vault_id}/credentials/{credential_id}/mcp_oauth_validate": Example(
        "beta.vaults.credentials.mcp_oauth_validate",
        f"oauth = client.beta.vaults.credentials.create(vault.id, auth={OAUTH})\n"
        "print(client.beta.vaults.credentials.mcp_oauth_validate(oauth.id, vault_id=vault.id).status)",
    ),
    "POST /vaults/{vault_id}/credentials/{credential_id}/archive": _call("beta.vaults.credentials.archive", CREDENTIAL),
    "DELETE /vaults/{vault_id}/credentials/{credential_id}": _call("beta.vaults.credentials.delete", CREDENTIAL),
    "POST /sessions": Example(
        "beta.sessions.create",
        'resources = [{"type": "file", "file_id": file.id}, {"type": "memory_store", "memory_store_id": store.id}]\n'
        "session = client.beta.sessions.create(\n"
        "    agent=agent.id, environment_id=environment.id, vault_ids=[vault.id], resources=resources\n)",
    ),
    "GET /sessions": _each("beta.sessions.list", 'agent_id=agent.id, statuses=["idle", "running"]', "status"),
    "GET /sessions/{session_id}": _call("beta.sessions.retrieve", "session.id", "session"),
    "POST /sessions/{session_id}": _call("beta.sessions.update", 'session.id, title="First try"'),
    "POST /sessions/{session_id}/events": Example("beta.sessions.events.send", f"(message,) = {MESSAGE}\n{WAIT}"),
    "GET /sessions/{session_id}/events": _each("beta.sessions.events.list", 'session.id, order="desc"', "type"),
    "GET /sessions/{session_id}/events/stream": Example("beta.sessions.events.stream", WAIT),
    "GET /sessions/{session_id}/threads": Example(
        "beta.sessions.threads.list", "thread = client.beta.sessions.threads.list(session.id).data[0]"
    ),
    "GET /sessions/{session_id}/threads/{thread_id}": _call("beta.sessions.threads.retrieve", THREAD),
    "GET /sessions/{session_id}/threads/{thread_id}/events": _each("beta.sessions.threads.events.list", THREAD, "type"),
    "GET /sessions/{session_id}/threads/{thread_id}/stream": Example(
        "beta.sessions.threads.events.stream",
        f"with client.beta.sessions.threads.events.stream({THREAD}) as stream:\n"
        "    client.beta.sessions.events.send(session.id, events=[message])\n"
        "    for event in stream:\n"
        '        if event.type == "session.thread_status_idle":\n'
        "            break",
    ),
    "POST /sessions/{session_id}/threads/{thread_id}/archive": Example(
        "beta.sessions.threads.archive",
        'for found in client.beta.sessions.threads.list(session.id, statuses=["idle"]):\n'
        "    if found.parent_thread_id:\n"
        "        client.beta.sessions.threads.archive(found.id, session_id=session.id)",
    ),
    "GET /sessions/{session_id}/resources": _each("beta.sessions.resources.list", "session.id", "type"),
    "POST /sessions/{session_id}/resources": _call(
        "beta.sessions.resources.add", 'session.id, type="file", file_id=file.id, mount_path="more.txt"', "resource"
    ),
    "GET /sessions/{session_id}/resources/{resource_id}": _call(
        "beta.sessions.resources.retrieve", "resource.id, session_id=session.id"
    ),
    "POST /sessions/{session_id}/resources/{resource_id}": Example(
        "beta.sessions.resources.update",
        "for found in client.beta.sessions.resources.list(session.id):\n"
        '    if found.type == "github_repository":\n'
        "        client.beta.sessions.resources.update(\n"
        '            found.id, session_id=session.id, authorization_token="github_pat_…"\n        )',
    ),
    "DELETE /sessions/{session_id}/resources/{resource_id}": _call(
        "beta.sessions.resources.delete", "resource.id, session_id=session.id"
    ),
    "GET /files/{file_id}/content": Example(
        "files.download",
        "for made in client.beta.files.list(scope_id=session.id):\n"
        "    if made.downloadable:\n"
        "        client.files.download(made.id).write_to_file(made.filename)",
    ),
    "DELETE /files/{file_id}": _call("files.delete", "file.id"),
    "POST /sessions/{session_id}/verdict": _post(
        "sessions/{session.id}/verdict", '{"result": "completed", "explanation": "All files are named."}'
    ),
    "GET /sessions/{session_id}/verdicts": _get("sessions/{session.id}/verdicts"),
    "POST /sessions/{session_id}/escalate": _post("sessions/{session.id}/escalate"),
    "POST /sessions/import": _post("sessions/import", f'{{"agent": "Old hand", "transcripts": [{TRANSCRIPT}]}}'),
    "POST /dreams": _call("beta.dreams.create", f'model="claude-opus-4-8", inputs={INPUTS}', "dream"),
    "GET /dreams": _each("beta.dreams.list", shown="status"),
    "GET /dreams/{dream_id}": _call("beta.dreams.retrieve", "dream.id", "dream"),
    "POST /dreams/{dream_id}/cancel": Example(
        "beta.dreams.cancel",
        'if dream.status in ("pending", "running"):\n    dream = client.beta.dreams.cancel(dream.id)',
    ),
    "POST /dreams/{dream_id}/archive": Example(
        "beta.dreams.archive",
        'for found in client.beta.dreams.list():\n    if found.status == "completed":\n'
        "        client.beta.dreams.archive(found.id)",
    ),
    "POST /dream_policies": _post("dream_policies", '{"memory_store_id": store.id, "agent_id": agent.id}', "policy"),
    "GET /dream_policies": _get("dream_policies"),
    "GET /dream_policies/{policy_id}": _get('dream_policies/{policy["id"]}'),
    "POST /dream_policies/{policy_id}": _post(
        'dream_policies/{policy["id"]}', '{"schedule": {"type": "cron", "expression": "0 4 * * *"}}'
    ),
    "POST /dream_policies/{policy_id}/run": _post('dream_policies/{policy["id"]}/run'),
    "GET /dream_policies/{policy_id}/runs": _get('dream_policies/{policy["id"]}/runs'),
    "POST /dream_policies/{policy_id}/archive": _post('dream_policies/{policy["id"]}/archive'),
    "GET /reviews": _get("reviews", "reviews"),
    "GET /reviews/{review_id}": Example(
        "", 'for review in reviews["data"]:\n    print(client.get(f\'/v1/reviews/{review["id"]}\', cast_to=object))'
    ),
    "GET /proposals": _get("proposals", "proposals"),
    "GET /proposals/{proposal_id}": Example(
        "",
        'for proposal in proposals["data"]:\n'
        '    print(client.get(f\'/v1/proposals/{proposal["id"]}\', cast_to=object)["evidence"])',
    ),
    "POST /proposals/{proposal_id}/approve": _decide(
        "review", "pending", "approve", '{"base_sha256": found["base_sha256"], "revision": found["revision"]}'
    ),
    "POST /proposals/{proposal_id}/undo": _decide("review", "applied", "undo", '{"reason": "It did not help."}'),
    "POST /proposals/{proposal_id}/reject": _decide("review", "pending", "reject", '{"reason_code": "wrong"}'),
    "POST /proposals/{proposal_id}/release": _decide(
        "quarantine", "pending", "release", '{"reason": "It is harmless."}'
    ),
    "POST /deployments": _call(
        "beta.deployments.create",
        'name="Report", agent=agent.id, environment_id=environment.id, initial_events=[message],'
        ' schedule={"type": "cron", "expression": "0 7 * * 1-5", "timezone": "Europe/Berlin"}',
        "deployment",
    ),
    "GET /deployments": _each("beta.deployments.list", 'status="active"', "name"),
    "GET /deployments/{deployment_id}": _call("beta.deployments.retrieve", "deployment.id", "deployment"),
    "POST /deployments/{deployment_id}": _call("beta.deployments.update", 'deployment.id, name="Daily report"'),
    "POST /deployments/{deployment_id}/run": _call("beta.deployments.run", "deployment.id", "run"),
    "GET /deployment_runs": _each("beta.deployment_runs.list", "deployment_id=deployment.id", "session_id"),
    "GET /deployment_runs/{run_id}": _call("beta.deployment_runs.retrieve", "run.id"),
    "POST /deployments/{deployment_id}/pause": _call("beta.deployments.pause", "deployment.id"),
    "POST /deployments/{deployment_id}/unpause": _call("beta.deployments.unpause", "deployment.id"),
    "POST /deployments/{deployment_id}/archive": _call("beta.deployments.archive", "deployment.id"),
    "POST /organizations/webhooks": _call(
        "beta.organization.webhooks.create",
        'url="https://example.com/hook", enabled_events=["session.status_idled"]',
        "endpoint",
    ),
    "GET /organizations/webhooks": _each("beta.organization.webhooks.list", shown="url"),
    "GET /organizations/webhooks/{endpoint_id}": _call("beta.organization.webhooks.retrieve", "endpoint.id"),
    "POST /organizations/webhooks/{endpoint_id}": _call(
        "beta.organization.webhooks.update", 'endpoint.id, enabled_events=[], state="disabled"'
    ),
    "POST /organizations/webhooks/{endpoint_id}/regenerate_signing_secret": _call(
        "beta.organization.webhooks.regenerate_signing_secret", "endpoint.id", "secret"
    ),
    "DELETE /organizations/webhooks/{endpoint_id}": _call("beta.organization.webhooks.delete", "endpoint.id"),
    "GET /environments/{environment_id}/work/poll": Example(
        "beta.environments.work.poll",
        "# queue_id is a self-hosted environment, environment_key comes from manage.py create_environment_key\n"
        "worker_client = client.with_options(api_key=environment_key)\n"
        "client.beta.sessions.create(agent=agent.id, environment_id=queue_id)\n"
        "work = worker_client.beta.environments.work.poll(queue_id)",
    ),
    "POST /environments/{environment_id}/work/{work_id}/ack": _worker("ack", WORK),
    "POST /environments/{environment_id}/work/{work_id}/heartbeat": _worker(
        "heartbeat", f'{WORK}, expected_last_heartbeat="NO_HEARTBEAT"', "beat"
    ),
    "GET /environments/{environment_id}/work": Example(
        "beta.environments.work.list",
        "for found in worker_client.beta.environments.work.list(queue_id):\n    print(found.state)",
    ),
    "GET /environments/{environment_id}/work/stats": _call("beta.environments.work.stats", "queue_id", "stats"),
    "GET /environments/{environment_id}/work/{work_id}": _call("beta.environments.work.retrieve", WORK, "work"),
    "POST /environments/{environment_id}/work/{work_id}": _call(
        "beta.environments.work.update", f'{WORK}, metadata={{"rack": "north"}}'
    ),
    "POST /environments/{environment_id}/work/{work_id}/stop": _call(
        "beta.environments.work.stop", f"{WORK}, force=True"
    ),
    "GET /operations": _get("operations"),
    "GET /costs": _get("costs?group_by[]=day&group_by[]=model"),
    "GET /audit_events": _get("audit_events?limit=20"),
    "POST /sessions/{session_id}/archive": _call("beta.sessions.archive", "session.id"),
    "DELETE /sessions/{session_id}": _call("beta.sessions.delete", "session.id"),
    "POST /vaults/{vault_id}/archive": _call("beta.vaults.archive", "vault.id"),
    "DELETE /vaults/{vault_id}": _call("beta.vaults.delete", "vault.id"),
    "DELETE /memory_stores/{store_id}/memories/{memory_id}": _call("beta.memory_stores.memories.delete", MEMORY),
    "POST /memory_stores/{store_id}/archive": _call("beta.memory_stores.archive", "store.id"),
    "DELETE /memory_stores/{store_id}": _call("beta.memory_stores.delete", "store.id"),
    "POST /agents/{agent_id}/archive": _call("beta.agents.archive", "agent.id"),
    "POST /environments/{environment_id}/archive": _call("beta.environments.archive", "environment.id"),
    "DELETE /environments/{environment_id}": Example(
        "beta.environments.delete",
        'spare = client.beta.environments.create(name="spare")\nclient.beta.environments.delete(spare.id)',
    ),
}
_by_address = {_nameless(operation): example for operation, example in EXAMPLES.items()}


def example_of(method: str, path: str) -> Example | None:
    """By the method and the address below /v1, whatever the parts of the address are called."""
    return _by_address.get(_nameless(f"{method.upper()} {path.removeprefix('/v1')}"))
