// Express applications whose sessions are in MongoDB, by one of the session stores of Node each.
// Each line of stdin is an object: {"store", "uri", "db", "maxAge", "genid"} starts an application, whose port
// is printed, {"logins": true, "uri", "db"} starts those of logins.js on one port, and {"end": PORT}
// ends what has that port. Ends when its stdin does, so that it never outlives a test.
//
// One process for many, as it takes a second to load them all.
'use strict';

const { randomBytes } = require('node:crypto');
const { createRequire } = require('node:module');
const { createInterface } = require('node:readline');
const cookieSignature = require('cookie-signature');
const express = require('express');
const session = require('express-session');

// The second is the one that was used before, and is still accepted.
const secrets = ['the secret of today', 'the secret of yesterday'];

// What a package finds where it stands: each store has a driver of its own version.
const besides = (name) => createRequire(require.resolve(name));

const collection = 'sessions';

// Each gives the store, ready, the ObjectId of its driver, and what closes its connection.
const stores = {
  'connect-mongo-json': (options) => connectMongo(options, {}),
  'connect-mongo-object': (options) => connectMongo(options, { stringify: false }),
  'connect-mongodb-session': ({ uri, db: databaseName }) => {
    const Store = require('connect-mongodb-session')(session);
    const { ObjectId } = besides('connect-mongodb-session')('mongodb');
    return new Promise((resolve, reject) => {
      const store = new Store({ uri, databaseName, collection }, (error) =>
        error ? reject(error) : resolve({ store, ObjectId, close: () => store.client.close() }),
      );
    });
  },
  'express-mongodb-1': async ({ uri, db: dbName }) => {
    const { createMongoSessionStore } = require('express-mongodb');
    const { MongoClient, ObjectId } = besides('express-mongodb')('mongodb');
    const client = await MongoClient.connect(uri);
    const store = createMongoSessionStore({ client, dbName, collection });
    return { store, ObjectId, close: () => client.close() };
  },
  // The one of a process: mongoose has one connection.
  'express-mongodb-legacy': async ({ uri, db: dbName }) => {
    const mongoose = besides('express-mongodb-legacy')('mongoose');
    mongoose.set('strictQuery', true);
    await mongoose.connect(uri, { dbName });
    // It was written for Express 2, which had the sessions built in.
    const Store = require('express-mongodb-legacy')({ session });
    // mongoose takes the name in the singular.
    const store = new Store({ collection: collection.replace(/s$/, '') });
    await store.collection.init();
    return { store, ObjectId: mongoose.Types.ObjectId, close: () => mongoose.disconnect() };
  },
};

async function connectMongo({ uri: mongoUrl, db: dbName }, more) {
  const { MongoStore } = require('connect-mongo');
  const { ObjectId } = besides('connect-mongo')('mongodb');
  const store = MongoStore.create({ mongoUrl, dbName, collectionName: collection, ...more });
  return { store, ObjectId, close: () => store.close() };
}

function application(store, ObjectId, { maxAge, genid }) {
  const app = express();
  app.use(
    session({
      store,
      secret: secrets,
      cookie: maxAge ? { maxAge } : {},
      // Ids that tower-sessions can have, too.
      ...(genid ? { genid: () => randomBytes(16).toString('base64url') } : {}),
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

async function one(options) {
  const { store, ObjectId, close } = await stores[options.store](options);
  return { app: application(store, ObjectId, options), close };
}

async function logins({ uri, db }) {
  const { MongoClient } = besides('connect-mongo')('mongodb');
  const client = await MongoClient.connect(uri);
  return { app: require('./logins.js')(client, db), close: () => client.close() };
}

const running = new Map();

async function start(options) {
  const { app, close } = await (options.logins ? logins(options) : one(options));
  const server = app.listen(0, '127.0.0.1', (error) => {
    if (error) throw error;
    const { port } = server.address();
    running.set(port, { server, close });
    console.log(port);
  });
}

async function end(port) {
  const { server, close } = running.get(port);
  running.delete(port);
  server.close();
  server.closeAllConnections();
  // What it has under way may fail by that.
  await close().catch(() => {});
  console.log('ended');
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const options = JSON.parse(line);
    if (options.end) end(options.end);
    else start(options);
  })
  .on('close', () => process.exit(0));
