(function(){
"use strict";
document.querySelectorAll("table[data-sortable]").forEach(function(table){
  var status=document.getElementById(table.dataset.status),body=table.tBodies[0];
  table.querySelectorAll("thead th").forEach(function(head,column){
    var button=head.querySelector("button");
    if(!button){return;}
    button.addEventListener("click",function(){
      var up=head.getAttribute("aria-sort")!=="ascending";
      table.querySelectorAll("thead th").forEach(function(other){other.removeAttribute("aria-sort");});
      head.setAttribute("aria-sort",up?"ascending":"descending");
      Array.from(body.rows).map(function(row,place){
        var value=row.cells[column].dataset.value;
        return {row:row,place:place,empty:value==="",value:isNaN(value)?value:Number(value)};
      }).sort(function(a,b){
        if(a.empty!==b.empty){return a.empty?1:-1;}
        var order=typeof a.value==="number"&&typeof b.value==="number"?a.value-b.value:String(a.value).localeCompare(String(b.value),document.documentElement.lang);
        return (up?order:-order)||a.place-b.place;
      }).forEach(function(item){body.appendChild(item.row);});
      status.textContent=table.dataset.sorted.replace("…",button.textContent);
    });
  });
});
window.addEventListener("beforeprint",function(){document.querySelectorAll("main>details,section>details").forEach(function(item){item.open=true;});});
})();
