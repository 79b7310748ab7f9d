import pickle, base64, json, datetime, decimal, uuid, collections, sys, types, zoneinfo, enum
shop = types.ModuleType('shop'); sys.modules['shop']=shop
class Cart:
    def __init__(s): s.items=["本-42"]; s.total=decimal.Decimal("7.50")
class Slotted:
    __slots__=('a','b')
    def __init__(s): s.a=1; s.b=2
class Colour(enum.Enum): RED=1
class Bag(dict): pass
class Row(list): pass
class Kw:
    def __new__(cls,*a,**k): return object.__new__(cls)
    def __getnewargs_ex__(s): return ((1,),{'k':2})
for c in (Cart,Slotted,Colour,Bag,Row,Kw): c.__module__='shop'; c.__qualname__=c.__name__; setattr(shop,c.__name__,c)
class ObjectId:
    def __getstate__(s): return bytes(range(12))
    def __setstate__(s,v): pass
boid=types.ModuleType('bson.objectid'); sys.modules['bson']=types.ModuleType('bson'); sys.modules['bson.objectid']=boid
ObjectId.__module__='bson.objectid'; ObjectId.__qualname__='ObjectId'; boid.ObjectId=ObjectId
utc=datetime.timezone.utc
def shapes(proto):
    shared=["s"]
    bag=Bag(x=1); bag.note="hi"
    row=Row([1,2])
    d={
     "user_id":"42","name":"Åsa Łuczak 🎉","escapes":"a\\b\n\u0000'\"",
     "none":None,"yes":True,"no":False,
     "ints":[0,255,256,65535,65536,-1,2**31,-2**31,2**63-1,-2**63,2**64-1,2**64,-2**64,2**70],
     "floats":[1.5,float('inf'),float('nan')],
     "bytes":b"\x00\xffabc","empty":b"","bytearray":bytearray(b"xyz"),
     "tuples":[(),(1,),(1,2),(1,2,3),(1,2,3,4)],
     "sets":[{1},frozenset([2])],
     "shared":[shared,shared],
     "keys":{1:"a",None:"b",(1,2):"c",2.5:"d"},
     "naive":datetime.datetime(2026,11,23,10,0,0,123456),
     "aware":datetime.datetime(2026,11,23,10,0,0,tzinfo=utc),
     "ahead":datetime.datetime(2026,11,23,10,0,0,tzinfo=datetime.timezone(datetime.timedelta(hours=5,minutes=30),"IST")),
     "fold":datetime.datetime(2026,10,25,2,30,fold=1),
     "zone":datetime.datetime(2026,11,23,10,tzinfo=zoneinfo.ZoneInfo("Europe/Stockholm")),
     "date":datetime.date(2026,11,23),"time":datetime.time(10,30),
     "delta":datetime.timedelta(days=1,seconds=2,microseconds=3),
     "decimal":decimal.Decimal("7.50"),"uuid":uuid.UUID("12345678-9abc-def0-1234-56789abcdef0"),
     "small_uuid":uuid.UUID(int=5),
     "oid":ObjectId(),
     "ordered":collections.OrderedDict([("b",1),("a",2)]),
     "default":collections.defaultdict(list,{"k":[1]}),
     "counter":collections.Counter("aab"),
     "deque":collections.deque([1,2],maxlen=5),
     "complex":1-2j,
     "cart":Cart(),"colour":Colour.RED,"bag":bag,"row":row,"class":Cart,
     "long_text":"x"*300,
    }
    if proto>=2: d["slots"]=Slotted(); d["kw"]=Kw()
    return d
docs=[]
for p in range(6):
    docs.append({"name":f"shapes, protocol {p}","value":{"$binary":{"base64":base64.b64encode(pickle.dumps(shapes(p),p)).decode(),"subType":"00"}}})
l=[1]; l.append(l); d={"self":l}; d["d"]=d
for p in (0,2,5):
    docs.append({"name":f"cycle, protocol {p}","value":{"$binary":{"base64":base64.b64encode(pickle.dumps(d,p)).decode(),"subType":"00"}}})
json.dump({"store":"python-pickle","how_made":"CPython 3.11 pickle.dumps","documents":docs},open('python-pickle.json','w'),indent=1)
open('python-pickle.json','a').write("\n")
import pickletools
pickletools.dis(pickle.dumps(shapes(2)["zone"],2)); pickletools.dis(pickle.dumps(shapes(4)["zone"],4)); pickletools.dis(pickle.dumps(shapes(0)["bag"],0));pickletools.dis(pickle.dumps(shapes(2)["counter"],2))
pickletools.dis(pickle.dumps(shapes(2)["colour"],2))
