"""The admin's view of memory: to look at, never to write, because every change must leave a version."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from memory.models import Memory, MemoryStore, MemoryVersion


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(MemoryStore)
class MemoryStoreAdmin(ReadOnly):
    list_display = ("name", "workspace", "tier", "created_at", "archived_at")
    list_filter = ("workspace", "tier")
    search_fields = ("id", "name")


@admin.register(Memory)
class MemoryAdmin(ReadOnly):
    list_display = ("path", "store", "content_size_bytes", "updated_at")
    list_filter = ("store",)
    search_fields = ("id", "path")


@admin.register(MemoryVersion)
class MemoryVersionAdmin(ReadOnly):
    list_display = ("path", "store", "operation", "actor_type", "actor_id", "created_at")
    list_filter = ("store", "operation", "actor_type")
    search_fields = ("id", "memory_id", "path", "proposal_id")
