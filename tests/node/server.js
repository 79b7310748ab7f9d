// An Express application whose sessions are in MongoDB, by one of the session stores of Node:
// node server.js --store STORE --uri URI --db DATABASE [--collection NAME] [--max-age MILLISECONDS]
// Prints its port, and ends when its stdin does, so that it never outlives a test.
'use strict';

const { createRequire } = require('node:module');
const { parseArgs } = require('node:util');
const cookieSignature = require('cookie-signature');
const express = require('express');
const session = require('express-session');

const { values: options } = parseArgs({
  options: {
    store: { type: 'string' },
    uri: { type: 'string' },
    db: { type: 'string' },
    collection: { type: 'string', default: 'sessions' },
    'max-age': { type: 'string' },
  },
});
// The second is the one that was used before, and is still accepted.
const secrets = ['the secret of today', 'the secret of yesterday'];

// What a package finds where it stands: each store has a driver of its own version.
const besides = (name) => createRequire(require.resolve(name));

// Each gives the store, ready, and the ObjectId of its driver.
const stores = {
  'connect-mongo-json': () => connectMongo({}),
  'connect-mongo-object': () => connectMongo({ stringify: false }),
  'connect-mongodb-session': () => {
    const Store = require('connect-mongodb-session')(session);
    const { ObjectId } = besides('connect-mongodb-session')('mongodb');
    const { uri, db: databaseName, collection } = options;
    return new Promise((resolve, reject) => {
      const store = new Store({ uri, databaseName, collection }, (error) =>
        error ? reject(error) : resolve({ store, ObjectId }),
      );
    });
  },
  'express-mongodb-1': async () => {
    const { createMongoSessionStore } = require('express-mongodb');
    const { MongoClient, ObjectId } = besides('express-mongodb')('mongodb');
    const client = await MongoClient.connect(options.uri);
    const { db: dbName, collection } = options;
    return { store: createMongoSessionStore({ client, dbName, collection }), ObjectId };
  },
  'express-mongodb-legacy': async () => {
    const mongoose = besides('express-mongodb-legacy')('mongoose');
    mongoose.set('strictQuery', true);
    await mongoose.connect(options.uri, { dbName: options.db });
    // It was written for Express 2, which had the sessions built in.
    const Store = require('express-mongodb-legacy')({ session });
    // mongoose takes the name in the singular.
    const store = new Store({ collection: options.collection.replace(/s$/, '') });
    await store.collection.init();
    return { store, ObjectId: mongoose.Types.ObjectId };
  },
};

async function connectMongo(more) {
  const { MongoStore } = require('connect-mongo');
  const { ObjectId } = besides('connect-mongo')('mongodb');
  const { uri: mongoUrl, db: dbName, collection: collectionName } = options;
  return { store: MongoStore.create({ mongoUrl, dbName, collectionName, ...more }), ObjectId };
}

function application(store, ObjectId) {
  const app = express();
  const maxAge = options['max-age'] && Number(options['max-age']);
  app.use(
    session({
      store,
      secret: secrets,
      cookie: maxAge ? { maxAge } : {},
      // Renewed at each request: by saving it, where the store cannot touch.
      rolling: true,
      resave: typeof store.touch !== 'function',
      saveUninitialized: false,
    }),
  );

  app.post('/login', (request, response, next) => {
    request.session.regenerate((error) => {
      if (error) return next(error);
      const { user } = request.query;
      Object.assign(request.session, { user, since: new Date(), account: new ObjectId() });
      response.json({ user, id: request.session.id });
    });
  });
  app.get('/', (request, response) => {
    const { user, since, account } = request.session;
    if (!user) return response.json({ user: null, views: null });
    request.session.views = (request.session.views ?? 0) + 1;
    const kinds = [since, account].map((value) => value?._bsontype ?? value?.constructor.name);
    response.json({ user, views: request.session.views, session: request.session, kinds });
  });
  // A request that only renews the session.
  app.post('/touch', (request, response) => {
    response.json({ user: request.session.user ?? null });
  });
  app.post('/logout', (request, response, next) => {
    request.session.destroy((error) => (error ? next(error) : response.json({ user: null })));
  });
  // The value of the cookie of a session, by the secret of that number.
  app.get('/sign', (request, response) => {
    const { id, secret = 0 } = request.query;
    response.json(`s:${cookieSignature.sign(id, secrets[secret])}`);
  });
  return app;
}

process.stdin.on('close', () => process.exit(0)).resume();
stores[options.store]().then(({ store, ObjectId }) => {
  const server = application(store, ObjectId).listen(0, '127.0.0.1', (error) => {
    if (error) throw error;
    console.log(server.address().port);
  });
});
