"""One embedded stack and its parts, handled one by one."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from devstack import plan as plans
from devstack import running
from devstack.component import Component
from devstack.errors import UnknownComponent
from devstack.layout import Layout, default_state_dir
from devstack.plan import Plan
from devstack.progress import Progress, Silent
from devstack.running import ComponentStatus
from devstack.servers.postgres import AUDIT, PRIMARY, dsn
from devstack.settings import AUDIT_DATABASE, POSTGRES_SUPERUSER, PRIMARY_DATABASE


@dataclass(frozen=True, slots=True)
class Stack:
    """One stack, by its state folder. Cheap to make; it holds no connection and no process."""

    layout: Layout
    plan: Plan

    @classmethod
    def load(cls, state_dir: Path | None = None) -> Stack:
        """The stack that was started in the folder; `StackAbsent` when there is none."""
        layout = Layout(state_dir or default_state_dir())
        return cls(layout, plans.load(layout))

    @property
    def components(self) -> tuple[Component, ...]:
        """Servers first, then processes; start order."""
        return (
            *plans.infrastructure(self.layout, self.plan),
            *plans.processes(self.layout, self.plan),
        )

    def component(self, name: str) -> Component:
        """By name; a name without number (`worker`, `opa`) means the only one of its kind."""
        known = {component.name: component for component in self.components}
        numbered = [each for each in known if each.rpartition("-")[0] == name and each[-1].isdigit()]
        exact = name if name in known else numbered[0] if len(numbered) == 1 else None
        if exact is None:
            raise UnknownComponent(name, tuple(known))
        return known[exact]

    def status(self) -> list[ComponentStatus]:
        """How every component is now."""
        return [running.status(self.layout, component) for component in self.components]

    def environment(self, process: str = "cli") -> dict[str, str]:
        """What the stack sets for a process (`worker`, …), a step (`migrations`, …) or the command line."""
        return plans.environment(self.layout, self.plan, process)

    def superuser_dsn(self, server: str = PRIMARY, database: str | None = None) -> str:
        """The superuser's connection URL (with password) of `postgres` or `postgres-audit`."""
        secret = plans.credentials(self.layout)
        password = {PRIMARY: secret.postgres_password, AUDIT: secret.audit_postgres_password}[server]
        named = database or {PRIMARY: PRIMARY_DATABASE, AUDIT: AUDIT_DATABASE}[server]
        return dsn(POSTGRES_SUPERUSER, password, "127.0.0.1", self.plan.ports[server], named)

    def start(self, name: str, progress: Progress | None = None) -> None:
        """Start one component unless it runs; returns when it works."""
        component = self.component(name)
        never = Event()
        running.start(self.layout, component, self.plan.stack_id, progress or Silent(), never.is_set)

    def stop(self, name: str) -> bool:
        """Stop one component in good order; whether it ran."""
        return running.stop(self.layout, self.component(name))

    def restart(self, name: str) -> None:
        """Stop and start one component."""
        self.stop(name)
        self.start(name)

    def kill(self, name: str, number: int = signal.SIGKILL) -> bool:
        """Send a signal to one component; whether it ran. After SIGKILL it is gone when this returns."""
        return running.kill(self.layout, self.component(name), number)

    def pause(self, name: str) -> bool:
        """Stop all processes of one component where they are (SIGSTOP)."""
        return self.kill(name, signal.SIGSTOP)

    def resume(self, name: str) -> bool:
        """Let a paused component go on (SIGCONT)."""
        return self.kill(name, signal.SIGCONT)
