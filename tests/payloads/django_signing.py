import json, pickle, base64, hashlib, hmac
from django.conf import settings
settings.configure(SECRET_KEY="x"*50)
from django.core import signing
from django.contrib.sessions.serializers import JSONSerializer
class PickleSerializer:
    def dumps(self,o): return pickle.dumps(o,4)
    def loads(self,d): return pickle.loads(d)
docs=[]
def add(n,t): docs.append({"name":n,"session_data":t})
s={"_auth_user_id":"42","_auth_user_backend":"django.contrib.auth.backends.ModelBackend","name":"Åsa Łuczak 🎉","cart":[{"sku":"本-42","qty":1}]*6}
salt="django.contrib.sessions.SessionStore"
add("signed, compressed",signing.dumps(s,salt=salt,serializer=JSONSerializer,compress=True))
add("signed, plain",signing.dumps(s,salt=salt,serializer=JSONSerializer))
add("signed pickle",signing.dumps(s,salt=salt,serializer=PickleSerializer,compress=True))
add("empty",signing.dumps({},salt=salt,serializer=JSONSerializer,compress=True))
# Django 2.2 contrib/sessions/backends/base.py: SessionBase.encode
def legacy(b):
    key=hashlib.sha1(b"django.contrib.sessionsSessionStore"+b"x"*50).digest()
    return base64.b64encode(hmac.new(key,b,hashlib.sha1).hexdigest().encode()+b":"+b).decode()
add("Django 2.2 JSON",legacy(json.dumps(s,separators=(',',':')).encode('latin-1')))
add("Django 1.5 pickle",legacy(pickle.dumps(s,2)))
add("bomb",signing.dumps({"x":"a"*30_000_000},salt=salt,serializer=JSONSerializer,compress=True))
big=docs.pop()
print(len(big["session_data"]))
json.dump({"store":"django-signing","how_made":"Django 5.2 django.core.signing.dumps, and Django 2.2's encode by its source","documents":docs},open('django-signing.json','w'),indent=1,ensure_ascii=False)
open('django-signing.json','a').write("\n")
