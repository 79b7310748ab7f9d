// The ways in which Express applications remember who is logged in, each with connect-mongo in each of
// its forms: /FORM/WAY is an application whose sessions are in a collection of its own, named FORM/WAY
// with a dot for the slash.
'use strict';

const express = require('express');
const session = require('express-session');
const { MongoStore } = require('connect-mongo');
const { Passport } = require('passport');

const forms = {
  json: {},
  object: { stringify: false },
  'touch-after': { touchAfter: 24 * 3600 },
};

// Each writes the user into a session, and reads it there.
const ways = {
  'user.username': plain((own, user) => (own.user = { username: user }), (own) => own.user?.username),
  'user.email': plain(
    (own, user) => (own.user = { name: 'A. Person', email: user }),
    (own) => own.user?.email,
  ),
  userId: plain((own, user) => (own.userId = user), (own) => own.userId),
  username: plain((own, user) => (own.username = user), (own) => own.username),
  'passport.user': passport((user) => user.id, (stored) => ({ id: stored })),
  'passport.user.id': passport((user) => ({ id: user.id, name: 'A. Person' }), (stored) => stored),
};

function plain(write, read) {
  return (app) => {
    app.post('/login', (request, response, next) => {
      // As express-session's own example does, against session fixation.
      request.session.regenerate((error) => {
        if (error) return next(error);
        write(request.session, request.query.user);
        response.json({ user: request.query.user });
      });
    });
    return (request) => read(request.session);
  };
}

function passport(serialize, deserialize) {
  return (app) => {
    const own = new Passport();
    own.serializeUser((user, done) => done(null, serialize(user)));
    own.deserializeUser((stored, done) => done(null, deserialize(stored)));
    app.use(own.initialize(), own.session());
    app.post('/login', (request, response, next) => {
      const user = { id: request.query.user };
      request.logIn(user, (error) => (error ? next(error) : response.json({ user: user.id })));
    });
    return (request) => request.user?.id;
  };
}

function application(client, dbName, form, way) {
  const app = express();
  app.use(
    session({
      store: MongoStore.create({ client, dbName, collectionName: `${form}.${way}`, ...forms[form] }),
      secret: 'the secret of today',
      // Browsers keep the applications apart.
      cookie: { path: `/${form}/${way}`, maxAge: 3600_000 },
      resave: false,
      saveUninitialized: false,
    }),
  );
  const user = ways[way](app);
  app.get('/', (request, response) => {
    request.session.views = (request.session.views ?? 0) + 1;
    response.json({ user: user(request) ?? null, views: request.session.views });
  });
  return app;
}

module.exports = (client, dbName) => {
  const all = express();
  for (const form of Object.keys(forms)) {
    for (const way of Object.keys(ways)) {
      all.use(`/${form}/${way}`, application(client, dbName, form, way));
    }
  }
  return all;
};
