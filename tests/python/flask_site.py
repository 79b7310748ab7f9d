"""Flask-Session's MongoDB backend under Flask-Login."""

from flask import Flask, request, session
from flask_login import LoginManager, UserMixin, current_user, login_user
from flask_session import Session
from pymongo import MongoClient


class User(UserMixin):
    def __init__(self, name):
        self.id = name


def application(uri, database):
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY="the secret of today",
        SESSION_TYPE="mongodb",
        SESSION_MONGODB=MongoClient(uri),
        SESSION_MONGODB_DB=database,
        SESSION_MONGODB_COLLECT="sessions",
    )
    Session(app)
    LoginManager(app).user_loader(User)

    @app.post("/login")
    def login():
        login_user(User(request.args["user"]))
        return {"user": current_user.get_id()}

    @app.get("/")
    def home():
        session["views"] = session.get("views", 0) + 1
        return {"user": current_user.get_id(), "views": session["views"]}

    return app
