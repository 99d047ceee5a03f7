# After `set output` and the data block $rows: name, Weir, HAProxy, nginx, null forwarder.
set terminal svg size 1100,460 font 'sans-serif,12' background '#ffffff'
set title 'CPU time per request ÷ the better peer''s (less is better; dashed: the goal for kept connections)'
set style data histograms
set style histogram clustered gap 1
set style fill solid
set boxwidth 0.9
set yrange [0:*]
set grid ytics linecolor '#dddddd'
set key inside top left
set xtics font ',11' scale 0
set bmargin 4.5
plot $rows using 2:xtic(1) title 'Weir' linecolor '#1b6ca8', \
     '' using 3 title 'HAProxy' linecolor '#e08e45', \
     '' using 4 title 'nginx' linecolor '#5b9a5b', \
     '' using 5 title 'null forwarder' linecolor '#b0b0b0', \
     0.65 notitle with lines dashtype 2 linecolor '#1b6ca8'
