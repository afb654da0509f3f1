"""One object of every kind, made through the official client, so that generated calls find something at their ids."""

from typing import Any

import anthropic

MESSAGE: Any = [{"type": "user.message", "content": [{"type": "text", "text": "Hello"}]}]
TOOLS: Any = [{"type": "agent_toolset_20260401"}]
SKILL = b"---\nname: counting\ndescription: How to count.\n---\n\nOne, two, three.\n"


def fill(client: anthropic.Anthropic) -> dict[str, str]:
    """Path parameter of the OpenAPI document -> an id that exists."""
    beta = client.beta
    agent = beta.agents.create(name="Fuzz", model="practice", tools=TOOLS)
    environment = beta.environments.create(name="fuzz")
    store = beta.memory_stores.create(name="Fuzz")
    memory = beta.memory_stores.memories.create(store.id, path="/a.md", content="- [f-1] a line")
    upload = beta.files.upload(file=("a.txt", b"text", "text/plain"))
    resources: Any = [
        {"type": "memory_store", "memory_store_id": store.id},
        {"type": "file", "file_id": upload.id},
    ]
    session = beta.sessions.create(
        agent=agent.id, environment_id=environment.id, resources=resources, initial_events=MESSAGE
    )
    with beta.sessions.events.stream(session.id) as stream:
        for event in stream:
            if event.type == "session.status_idle":
                break
    deployment = beta.deployments.create(
        name="Fuzz", agent=agent.id, environment_id=environment.id, initial_events=MESSAGE
    )
    inputs: Any = [
        {"type": "memory_store", "memory_store_id": store.id},
        {"type": "sessions", "session_ids": [session.id]},
    ]
    skill = beta.skills.create(files=[("counting/SKILL.md", SKILL, "text/markdown")])
    vault = beta.vaults.create(display_name="Fuzz")
    secret: Any = {"type": "static_bearer", "mcp_server_url": "https://mcp.example.com/", "token": "t"}
    return {
        "agent_id": agent.id,
        "environment_id": environment.id,
        "store_id": store.id,
        "memory_store_id": store.id,
        "memory_id": memory.id,
        "version_id": memory.memory_version_id,
        "memory_version_id": memory.memory_version_id,
        "session_id": session.id,
        "thread_id": next(iter(beta.sessions.threads.list(session.id))).id,
        "resource_id": next(row.id for row in beta.sessions.resources.list(session.id) if row.type == "file"),
        "file_id": upload.id,
        "deployment_id": deployment.id,
        "run_id": beta.deployments.run(deployment.id).id,
        "dream_id": beta.dreams.create(inputs=inputs, model="practice").id,
        "skill_id": skill.id,
        "version": skill.latest_version_id,
        "vault_id": vault.id,
        "credential_id": beta.vaults.credentials.create(vault.id, auth=secret).id,
    }
