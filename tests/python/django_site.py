"""Django's own users and sessions, in MongoDB by django-mongodb-backend."""

import django
from django.conf import settings
from django.contrib.auth.apps import AuthConfig
from django.contrib.contenttypes.apps import ContentTypesConfig
from django.core.management import call_command
from django.http import JsonResponse
from django.urls import path

OBJECT_ID = "django_mongodb_backend.fields.ObjectIdAutoField"


class MongoAuth(AuthConfig):
    default_auto_field = OBJECT_ID


class MongoContentTypes(ContentTypesConfig):
    default_auto_field = OBJECT_ID


# It creates a user who logs in for the first time. The id is what a session knows of the user.
def login(request):
    from django.contrib.auth import get_user_model
    from django.contrib.auth import login as log_in

    user, _ = get_user_model().objects.get_or_create(username=request.GET["user"])
    log_in(request, user, backend="django.contrib.auth.backends.ModelBackend")
    return JsonResponse({"user": user.username, "id": str(user.pk)})


def home(request):
    views = request.session["views"] = request.session.get("views", 0) + 1
    user = request.user.username if request.user.is_authenticated else None
    return JsonResponse({"user": user, "views": views})


urlpatterns = [path("login", login), path("", home)]


def application(uri, database):
    settings.configure(
        SECRET_KEY="the secret of today",
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF=__name__,
        DEFAULT_AUTO_FIELD=OBJECT_ID,
        DATABASES={
            "default": {"ENGINE": "django_mongodb_backend", "HOST": uri, "NAME": database}
        },
        DATABASE_ROUTERS=["django_mongodb_backend.routers.MongoRouter"],
        INSTALLED_APPS=[
            f"{__name__}.MongoAuth",
            f"{__name__}.MongoContentTypes",
            "django.contrib.sessions",
            "django_mongodb_backend",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        # The migrations of these are written for numbers as ids: the models alone say what to create.
        MIGRATION_MODULES={name: None for name in ("auth", "contenttypes", "sessions")},
        USE_TZ=True,
    )
    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0)
    from django.core.wsgi import get_wsgi_application

    return get_wsgi_application()
