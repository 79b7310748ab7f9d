<?php
// Makes the lines of php.txt that are not from a store: php payloads.php 2>/dev/null
// with symfony/security-core 7.1 in sf/.
spl_autoload_register(function($c){ $p='Symfony\\Component\\Security\\Core\\'; if(str_starts_with($c,$p)) { $f=__DIR__.'/sf/'.str_replace('\\','/',substr($c,strlen($p))).'.php'; if (is_file($f)) require $f; }});
eval('namespace App\Entity; 
class User implements \Symfony\Component\Security\Core\User\UserInterface { private int $id=42; private string $email="åsa@example.se"; private array $roles=["ROLE_ADMIN"]; private string $password="2y-10-x"; public function getRoles():array{return $this->roles;} public function eraseCredentials():void{} public function getUserIdentifier():string{return $this->email;} public function getPassword(){return $this->password;} }
');
eval('namespace App; enum Suit:string { case Hearts="h"; case Spades="s"; } 
class Base { private $x=1; protected $p="prot"; public $pub=true; } class Kid extends Base { private $x=2; public $d=null; }
class Old implements \Serializable { public $v=5; function serialize(){return "a|b:1;}x";} function unserialize($s){} }
class Custom { public $a=[1]; function __serialize():array{return ["name"=>"Łuczak","n"=>3];} function __unserialize(array $d):void{} }
');
error_reporting(0);
use Symfony\Component\Security\Core\Authentication\Token\{UsernamePasswordToken,SwitchUserToken,RememberMeToken};
use Symfony\Component\Security\Core\User\InMemoryUser;
$out=[];
function put($n,$s){ global $out; $out[$n]=$s; }
$u=new App\Entity\User; $tok=new UsernamePasswordToken($u,'main',['ROLE_ADMIN']);
put('token_entity', serialize($tok));
put('token_memory', serialize(new UsernamePasswordToken(new InMemoryUser('asa','pw',['ROLE_USER']),'main',['ROLE_USER'])));
put('token_switch', serialize(new SwitchUserToken(new InMemoryUser('bob','pw',['ROLE_USER']),'main',['ROLE_USER'],$tok,'/admin')));
session_id('x');
ini_set('session.save_path','/tmp'); ini_set('session.use_cookies','0');
function sess($handler,$data){ ini_set('session.serialize_handler',$handler); session_start(); $_SESSION=$data; $s=session_encode(); session_destroy(); return $s; }
$data=['_sf2_attributes'=>['_security_main'=>serialize($tok),'_security.main.target_path'=>'http://localhost/a|b','name'=>'Åsa'],'_symfony_flashes'=>[],'_sf2_meta'=>['u'=>1795440701,'c'=>1795440601,'l'=>0]];
foreach(['php','php_serialize','php_binary'] as $h) { put("session_$h", sess($h,$data)); put("empty_$h", sess($h,[])); }
$o=new stdClass; $o->self=$o; $o->list=[$o];
$shared='shared text'; $arr=['a'=>&$shared,'b'=>&$shared]; 
put('session_refs', sess('php',['first'=>$o,'second'=>$o,'n'=>1]));
put('scalars', serialize([0=>null,1=>true,2=>false,3=>-7,4=>PHP_INT_MAX,5=>0.1,6=>1e25,7=>INF,8=>-INF,9=>NAN,10=>"Åsa Łuczak 🎉",11=>"\xff\xfe",12=>-0.0,13=>7.0]));
put('maps', serialize(['list'=>['a','b'],'sparse'=>[1=>'x',2=>'y'],'mixed'=>[0=>'z','k'=>'v'],'empty'=>[], 'deep'=>[[['x']]], "\xffkey"=>1]));
put('objects', serialize([new App\Kid, new App\Old, new App\Custom, App\Suit::Hearts, App\Suit::Hearts, new stdClass]));
put('refs', serialize(['shared'=>$arr,'o'=>$o,'o2'=>$o]));
put('dates', serialize(['dt'=>new DateTime('2026-11-23 10:00:00.5',new DateTimeZone('Europe/Stockholm')),'im'=>new DateTimeImmutable('2026-11-23T10:00:00+02:00'),'utc'=>new DateTime('2026-11-23 10:00:00 UTC'), 'z'=>new DateTime('2026-11-23 10:00:00 CEST'),'col'=>new ArrayObject([1,2])]));
foreach($out as $k=>$v){ echo "$k ", base64_encode($v), "\n"; fwrite(STDERR, "$k ".addcslashes($v,"\0..\37\\\177..\377")."\n"); }
