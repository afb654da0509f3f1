"""Page routes of memory; literal parts before ids."""

from django.urls import path

from memory import views

urlpatterns = [
    path("memory/", views.store_list, name="memory"),
    path("memory/<str:store_id>/", views.store_detail, name="store"),
    path("memory/<str:store_id>/compare/", views.memory_compare, name="memory-compare"),
    path("memory/<str:store_id>/files/<str:memory_id>/", views.memory_file, name="memory-file"),
    path("memory/<str:store_id>/files/<str:memory_id>/history/", views.memory_history, name="memory-history"),
    path("memory/<str:store_id>/versions/<str:version_id>/", views.memory_version, name="memory-version"),
]
