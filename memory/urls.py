"""Page routes of memory; literal parts before ids."""

from django.urls import path

from memory.views.files import memory_delete, memory_edit, memory_file, memory_new
from memory.views.stores import store_archive, store_delete, store_detail, store_edit, store_list, store_new
from memory.views.versions import memory_compare, memory_history, memory_version, version_redact

urlpatterns = [
    path("memory/", store_list, name="memory"),
    path("memory/new/", store_new, name="store-new"),
    path("memory/<str:store_id>/", store_detail, name="store"),
    path("memory/<str:store_id>/edit/", store_edit, name="store-edit"),
    path("memory/<str:store_id>/archive/", store_archive, name="store-archive"),
    path("memory/<str:store_id>/delete/", store_delete, name="store-delete"),
    path("memory/<str:store_id>/compare/", memory_compare, name="memory-compare"),
    path("memory/<str:store_id>/files/new/", memory_new, name="memory-new"),
    path("memory/<str:store_id>/files/<str:memory_id>/", memory_file, name="memory-file"),
    path("memory/<str:store_id>/files/<str:memory_id>/edit/", memory_edit, name="memory-edit"),
    path("memory/<str:store_id>/files/<str:memory_id>/delete/", memory_delete, name="memory-delete"),
    path("memory/<str:store_id>/files/<str:memory_id>/history/", memory_history, name="memory-history"),
    path("memory/<str:store_id>/versions/<str:version_id>/", memory_version, name="memory-version"),
    path("memory/<str:store_id>/versions/<str:version_id>/redact/", version_redact, name="version-redact"),
]
