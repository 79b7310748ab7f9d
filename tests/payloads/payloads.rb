# Makes the lines of ruby.txt that are not from a store: ruby payloads.rb 2>/dev/null
# encoding: utf-8
require 'set'; require 'date'; require 'bigdecimal'; require 'ostruct'
module ActiveSupport; class HashWithIndifferentAccess < Hash; end; class SafeBuffer < String; def initialize(s); super; @html_safe=true; end; end; end
module Mod; end
Point=Struct.new(:x,:y); class User; def initialize; @id=42; @name="Åsa Łuczak 🎉"; @me=self; end; end
class Temp; def initialize(d); @d=d; end; def _dump(l); @d; end; def self._load(s); new(s); end; end
class Temp2; def initialize(d); @d=d; end; def marshal_dump; @d; end; def marshal_load(d); @d=d; end; end
def put(n,v); s=Marshal.dump(v); puts "#{n} #{[s].pack('m0')}"; STDERR.puts "#{n} #{s.inspect}"; end
put :scalars, [nil,true,false,0,1,-1,122,123,-123,-124,255,256,-256,-257,65536,-65536,2**30-1,-2**30,2**30,2**62,-2**62,2**63,2**64-1,2**64,-2**63,-2**63-1,2**200,1.5,-0.0,1e300,Float::INFINITY,-Float::INFINITY,Float::NAN,0.1]
put :strings, ["plain","Åsa","bin\xff".b,"sjis".encode("Shift_JIS"),"ä".encode("ISO-8859-1"),:sym,:sym,:"Åsa",:"Åsa",/a+b/mix,String,Comparable,"ascii".force_encoding("US-ASCII")]
h=Hash.new(7); h[:a]=1; h["a"]=2; h[3]="three"; h[nil]=0; h[2.5]=1
hi=ActiveSupport::HashWithIndifferentAccess.new; hi["user_id"]=42; hi["cart"]=[{"sku"=>"本-42","price"=>7.5}]
put :hashes, {"default"=>h,"hwia"=>hi,"keyed"=>{[1,2]=>"pair"},"ident"=>{}.compare_by_identity}
t=Time.at(1795441122, 123456, :usec).utc; t2=Time.at(1795441122,123456789,:nsec).localtime("+02:00")
put :times, [t,t,t2,"after",Date.new(2026,11,23),DateTime.new(2026,11,23,10,0,0.5,'+02:00'),t2]
s="shared"; a=[1]; f=1.25; b=2**70
a<<a
u=User.new
put :links, [s,s,a,a,f,f,b,b,u,u,t2,t2,s,"x".b, /r/, /r/, u]
ext=[1].extend(Mod)
put :objects, {"user"=>u,"struct"=>Point.new(1,"två"),"set"=>Set.new([1,"a",:b]),"range"=>(1..5),"temp"=>Temp.new("payload"),"temp2"=>Temp2.new({"k"=>[1]}),"ext"=>ext,"safe"=>ActiveSupport::SafeBuffer.new("<b>"),"big"=>BigDecimal("12.50"),"rat"=>Rational(1,3),"os"=>OpenStruct.new(a: 1),"last"=>s,"last2"=>s, "set2"=>Set.new}
put :rails, {"session_id"=>"abc","_csrf_token"=>"tok","warden.user.user.key"=>[[42],"$2a$12$abc"],"warden.user.user.session"=>{"last_request_at"=>1795441122},"flash"=>{"discard"=>[],"flashes"=>{"notice"=>"Välkommen!"}}}
module BSON; class ObjectId; def initialize(d); @raw_data=d; end; def marshal_dump; @raw_data; end; def marshal_load(d); @raw_data=d; end; end; end
module ActiveSupport; class TimeWithZone; def initialize(d); @d=d; end; def marshal_dump; @d; end; def marshal_load(d); @d=d; end; end; end
id=BSON::ObjectId.new(["64f1c0ffee0ddba11c0ffee0"].pack("H*"))
put :devise, {"warden.user.user.key"=>[[id],"$2a$12$abc"],"seen"=>ActiveSupport::TimeWithZone.new([t,"UTC",t]),"again"=>id}
