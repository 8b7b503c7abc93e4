"""Style and script of the pages, inline: they open from disk, without a network."""

CSS = """
:root{--ink:#1c1f24;--mute:#5a626d;--line:#d8dce2;--paper:#fff;--pass:#00684d;--warn:#8a5a00;
--fail:#a3260b;--accent:#00588c}
*{box-sizing:border-box}
body{margin:0;font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;color:var(--ink);
background:#f4f5f7}
header{background:var(--paper);border-bottom:1px solid var(--line);padding:14px 24px;
position:sticky;top:0;z-index:2}
h1{font-size:20px;margin:0}h2{font-size:18px;margin:0 0 4px}h3{font-size:14px;margin:14px 0 6px}
nav{margin-top:6px;display:flex;flex-wrap:wrap;gap:4px 14px;font-size:14px}
a{color:var(--accent)}main{max-width:1240px;margin:18px auto;padding:0 16px}
section{background:var(--paper);border:1px solid var(--line);border-radius:8px;padding:16px 18px;
margin-bottom:18px;scroll-margin-top:96px}
.look{color:var(--mute);margin:0 0 8px;max-width:85ch}
.badge{display:inline-block;padding:0 8px;border-radius:10px;font-size:12px;font-weight:600;white-space:nowrap;
color:#fff;background:#6b7480;vertical-align:2px}
.pass{background:var(--pass)}.warn{background:var(--warn)}.fail{background:var(--fail)}
.flick img{display:none;max-width:100%;background:#000;border-radius:4px;cursor:pointer}
.flick img.on{display:block}
.flick button,.viewer button{font:inherit;font-size:13px;border:1px solid var(--line);
background:#fff;border-radius:5px;padding:2px 10px;margin:0 4px 6px 0;cursor:pointer}
.flick button[aria-pressed=true],.viewer button[aria-pressed=true]{background:var(--accent);
color:#fff;border-color:var(--accent)}
svg{max-width:100%;height:auto}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:13px}
th,td{text-align:left;padding:4px 8px;border-bottom:1px solid var(--line);vertical-align:top}
th[data-sort]{cursor:pointer;user-select:none}
th[data-sort]:after{content:" \\2195";color:#9aa2ad}
td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.why{color:var(--mute);font-size:12px;overflow-wrap:anywhere}td.name{min-width:9em;overflow-wrap:anywhere}
.wide main{max-width:1700px}
.viewer canvas{background:#000;border-radius:4px;cursor:crosshair;margin-right:6px;
image-rendering:auto}
.viewer .views{display:flex;flex-wrap:wrap;gap:6px}
.viewer label{margin-right:14px;font-size:13px}
.thumb{width:150px;height:auto;display:block;background:#000;border-radius:3px}
.note{color:var(--mute);font-size:13px}
input[type=search]{font:inherit;padding:3px 8px;border:1px solid var(--line);border-radius:5px}
.plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(260px,1fr));gap:10px}
.plots figure{margin:0}.plots canvas{width:260px;height:54px;cursor:pointer;
border-bottom:1px solid #b9c0c8}
.plots figcaption{width:260px;font-size:12px;color:var(--mute);display:flex;flex-wrap:wrap;
justify-content:space-between}.plots figcaption div{width:100%}
"""

FLICK = """
function press(box,n){const images=box.querySelectorAll('img'),buttons=box.querySelectorAll('button');
 const now=[...images].findIndex(e=>e.classList.contains('on'));
 if(n!==now)box.dataset.last=now;
 images.forEach((e,i)=>e.classList.toggle('on',i===n));
 buttons.forEach((e,i)=>e.setAttribute('aria-pressed',i===n));}
document.querySelectorAll('.flick').forEach(box=>{
 const images=box.querySelectorAll('img');
 box.querySelectorAll('button').forEach((b,i)=>b.addEventListener('click',()=>press(box,i)));
 images.forEach((e,i)=>e.addEventListener('click',()=>{
  if(images.length>1)press(box,Number(box.dataset.last??((i+1)%images.length)));}));});
"""

SORT = """
document.querySelectorAll('table').forEach(table=>{
 table.querySelectorAll('th[data-sort]').forEach((head,n)=>head.addEventListener('click',()=>{
  const up=head.getAttribute('aria-sort')!=='ascending',body=table.tBodies[0];
  table.querySelectorAll('th').forEach(h=>h.removeAttribute('aria-sort'));
  head.setAttribute('aria-sort',up?'ascending':'descending');
  const at=[...head.parentNode.children].indexOf(head);
  const key=r=>r.children[at].dataset.value??r.children[at].textContent;
  const rows=[...body.rows].map(r=>[key(r),r]);
  rows.sort((a,b)=>{const x=parseFloat(a[0]),y=parseFloat(b[0]);
   const empty=(isNaN(x)&&a[0]==='')-(isNaN(y)&&b[0]==='');if(empty)return empty;
   const d=isNaN(x)||isNaN(y)?a[0].localeCompare(b[0]):x-y;return up?d:-d;});
  body.append(...rows.map(r=>r[1]));table.dispatchEvent(new Event('sorted'));}));});
"""

# Only so many rows are laid out at first; more when the end of the table scrolls into view.
ROWS = """
(()=>{const table=document.querySelector('#subjects table'),body=table.tBodies[0],step=120;
const find=document.querySelector('input[type=search]');let most=step;
const show=()=>{const word=find.value.toLowerCase();let n=0;for(const row of body.rows){
 const fits=!word||row.textContent.toLowerCase().includes(word);row.hidden=!fits||++n>most;}};
table.addEventListener('sorted',show);
find.addEventListener('input',()=>{most=step;show();});
new IntersectionObserver(seen=>{if(seen.some(s=>s.isIntersecting)&&most<body.rows.length){
 most+=step;show();}},{rootMargin:'1500px'}).observe(document.getElementById('more'));})();
"""

VIEWER = """
(async()=>{const box=document.querySelector('.viewer');if(!box)return;
const about=JSON.parse(box.querySelector('script').textContent);
const [nx,ny,nz]=about.shape,per=about.across,zoom=3;
const load=uri=>new Promise(done=>{const e=new Image();e.onload=()=>{
 const c=document.createElement('canvas');c.width=e.width;c.height=e.height;
 const g=c.getContext('2d',{willReadFrequently:true});g.drawImage(e,0,0);
 const d=g.getImageData(0,0,e.width,e.height).data,v=new Uint8Array(nx*ny*nz);
 for(let k=0;k<nz;k++){const oy=Math.floor(k/per)*ny,ox=(k%per)*nx;
  for(let j=0;j<ny;j++)for(let i=0;i<nx;i++)v[i+nx*(j+ny*k)]=d[4*((oy+j)*e.width+ox+i)];}
 done(v);};e.src=uri;});
const cache={},get=async(kind,n)=>cache[kind+n]??=await load(about[kind][n].uri);
let at=[nx>>1,ny>>1,nz>>1],volume=0,overlay=-1,opacity=.45;
const planes=[['axial',nx,ny,(u,v)=>[u,v,at[2]],['R','L'],(u,v)=>{at[0]=u;at[1]=v;},()=>[at[0],at[1]]],
['coronal',nx,nz,(u,v)=>[u,at[1],nz-1-v],['R','L'],(u,v)=>{at[0]=u;at[2]=nz-1-v;},()=>[at[0],nz-1-at[2]]],
['sagittal',ny,nz,(u,v)=>[at[0],u,nz-1-v],['A','P'],(u,v)=>{at[1]=u;at[2]=nz-1-v;},()=>[at[1],nz-1-at[2]]]];
const canvases=planes.map(p=>{const c=box.querySelector('canvas.'+p[0]);c.width=p[1]*zoom;c.height=p[2]*zoom;
 const pick=e=>{if(e.buttons!==1&&e.type!=='click')return;const r=c.getBoundingClientRect();
  const u=Math.floor((e.clientX-r.left)/r.width*p[1]),v=Math.floor((e.clientY-r.top)/r.height*p[2]);
  p[5](Math.min(Math.max(u,0),p[1]-1),Math.min(Math.max(v,0),p[2]-1));draw();};
 c.addEventListener('click',pick);c.addEventListener('mousemove',pick);
 c.addEventListener('wheel',e=>{e.preventDefault();const a={axial:2,coronal:1,sagittal:0}[p[0]];
  at[a]=Math.min(Math.max(at[a]+Math.sign(e.deltaY),0),about.shape[a]-1);draw();},{passive:false});
 return c;});
async function draw(){const v=await get('volumes',volume),o=overlay<0?null:await get('overlays',overlay);
 planes.forEach((p,n)=>{const [,w,h,to,sides,,cross]=p,small=new ImageData(w,h);
  for(let b=0;b<h;b++)for(let a=0;a<w;a++){const [i,j,k]=to(a,b),x=i+nx*(j+ny*k),g=v[x],q=4*(a+w*b);
   const m=o&&o[x]>127?opacity:0;small.data[q]=g*(1-m)+230*m;small.data[q+1]=g*(1-m)+159*m;
   small.data[q+2]=g*(1-m);small.data[q+3]=255;}
  const c=document.createElement('canvas');c.width=w;c.height=h;c.getContext('2d').putImageData(small,0,0);
  const g=canvases[n].getContext('2d');g.imageSmoothingEnabled=true;g.drawImage(c,0,0,w*zoom,h*zoom);
  const [u,t]=cross();g.strokeStyle='rgba(86,180,233,.8)';g.beginPath();g.moveTo((u+.5)*zoom,0);
  g.lineTo((u+.5)*zoom,h*zoom);g.moveTo(0,(t+.5)*zoom);g.lineTo(w*zoom,(t+.5)*zoom);g.stroke();
  g.fillStyle='#f0e442';g.font='bold 15px sans-serif';g.fillText(sides[0],5,h*zoom/2);
  g.fillText(sides[1],w*zoom-16,h*zoom/2);});
 box.dataset.drawn=at.join(',');
 box.querySelectorAll('[data-volume]').forEach(b=>b.setAttribute('aria-pressed',Number(b.dataset.volume)===volume));
 box.querySelectorAll('[data-overlay]').forEach(b=>b.setAttribute('aria-pressed',Number(b.dataset.overlay)===overlay));}
box.querySelectorAll('[data-volume]').forEach(b=>b.addEventListener('click',()=>{volume=Number(b.dataset.volume);draw();}));
box.querySelectorAll('[data-overlay]').forEach(b=>b.addEventListener('click',()=>{
 const n=Number(b.dataset.overlay);overlay=overlay===n?-1:n;draw();}));
await draw();})();
"""

# Points are drawn when they scroll into view; the grave ones last, so that none hides them.
PLOTS = """
(()=>{const box=document.getElementById('points');if(!box)return;
const data=JSON.parse(box.textContent),W=260,H=54,ink=['rgba(86,112,127,.55)','#b97700','#c3330f'];
document.querySelectorAll('.plots canvas').forEach(c=>{const plot=data.plots[c.dataset.plot];
 const values=plot.points.map(p=>p[1]),low=Math.min(...values),span=Math.max(...values)-low||1;
 const at=n=>[8+(plot.points[n][1]-low)/span*(W-16),6+n*37%41/41*(H-14)];
 const order=plot.points.map((p,n)=>n).sort((a,b)=>plot.points[a][2]-plot.points[b][2]);
 const near=e=>{const r=c.getBoundingClientRect(),x=e.clientX-r.left,y=e.clientY-r.top;let best=-1,least=64;
  order.forEach(n=>{const [a,b]=at(n),d=(a-x)**2+(b-y)**2;if(d<=least){least=d;best=n;}});return best;};
 const draw=()=>{const g=c.getContext('2d');g.scale(2,2);order.forEach(n=>{const [x,y]=at(n);
  g.fillStyle=ink[plot.points[n][2]];g.beginPath();g.arc(x,y,3,0,7);g.fill();});c.dataset.drawn=order.length;};
 new IntersectionObserver((seen,self)=>{if(seen.some(s=>s.isIntersecting)){self.disconnect();draw();}}).observe(c);
 c.addEventListener('mousemove',e=>{const n=near(e);c.title=n<0?'':data.subjects[plot.points[n][0]]+': '+
  plot.steps[plot.points[n][3]]+' '+Number(plot.points[n][1].toPrecision(4));});
 c.addEventListener('click',e=>{const n=near(e),to=n<0?'':data.pages[plot.points[n][0]];if(to)location.href=to;});
});})();
"""
