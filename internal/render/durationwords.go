package render

// durationWords are durations in words: a locale, then hours, minutes and seconds. Before each "=" stands the form that Unicode's
// CLDR says a number takes in that language, # is the number; a form that is not there is said like "other". At the end stands
// what joins two units where that is not a space.
const durationWords = `
ar | one=ساعة واحدة, two=ساعتان, few=# ساعات, many=# ساعة, other=# ساعة | one=دقيقة واحدة, two=دقيقتان, few=# دقائق, many=# دقيقة, other=# دقيقة | one=ثانية واحدة, two=ثانيتان, few=# ثوان, many=# ثانية, other=# ثانية | " و"
bg | one=# час, other=# часа | one=# минута, other=# минути | one=# секунда, other=# секунди
bn | other=# ঘণ্টা | other=# মিনিট | other=# সেকেন্ড
ca | one=# hora, other=# hores | one=# minut, other=# minuts | one=# segon, other=# segons
cs | one=# hodina, few=# hodiny, other=# hodin | one=# minuta, few=# minuty, other=# minut | one=# sekunda, few=# sekundy, other=# sekund
da | one=# time, other=# timer | one=# minut, other=# minutter | one=# sekund, other=# sekunder
de | one=# Stunde, other=# Stunden | one=# Minute, other=# Minuten | one=# Sekunde, other=# Sekunden
el | one=# ώρα, other=# ώρες | one=# λεπτό, other=# λεπτά | one=# δευτερόλεπτο, other=# δευτερόλεπτα
en | one=# hour, other=# hours | one=# minute, other=# minutes | one=# second, other=# seconds
es | one=# hora, other=# horas | one=# minuto, other=# minutos | one=# segundo, other=# segundos
et | one=# tund, other=# tundi | one=# minut, other=# minutit | one=# sekund, other=# sekundit
fi | one=# tunti, other=# tuntia | one=# minuutti, other=# minuuttia | one=# sekunti, other=# sekuntia
fr | one=# heure, other=# heures | one=# minute, other=# minutes | one=# seconde, other=# secondes
he | one=שעה, two=שעתיים, other=# שעות | one=דקה, two=שתי דקות, other=# דקות | one=שנייה, two=שתי שניות, other=# שניות
hi | one=# घंटा, other=# घंटे | other=# मिनट | other=# सेकंड
hr | one=# sat, few=# sata, other=# sati | one=# minuta, few=# minute, other=# minuta | one=# sekunda, few=# sekunde, other=# sekundi
hu | other=# óra | other=# perc | other=# másodperc
id | other=# jam | other=# menit | other=# detik
it | one=# ora, other=# ore | one=# minuto, other=# minuti | one=# secondo, other=# secondi
ja | other=#時間 | other=#分 | other=#秒 | ""
ko | other=#시간 | other=#분 | other=#초
lt | one=# valanda, few=# valandos, many=# valandos, other=# valandų | one=# minutė, few=# minutės, many=# minutės, other=# minučių | one=# sekundė, few=# sekundės, many=# sekundės, other=# sekundžių
lv | zero=# stundu, one=# stunda, other=# stundas | zero=# minūšu, one=# minūte, other=# minūtes | zero=# sekunžu, one=# sekunde, other=# sekundes
ms | other=# jam | other=# minit | other=# saat
nb | one=# time, other=# timer | one=# minutt, other=# minutter | one=# sekund, other=# sekunder
nn | one=# time, other=# timar | other=# minutt | other=# sekund
nl | other=# uur | one=# minuut, other=# minuten | one=# seconde, other=# seconden
pl | one=# godzina, few=# godziny, many=# godzin, other=# godziny | one=# minuta, few=# minuty, many=# minut, other=# minuty | one=# sekunda, few=# sekundy, many=# sekund, other=# sekundy
pt | one=# hora, other=# horas | one=# minuto, other=# minutos | one=# segundo, other=# segundos
ro | one=# oră, few=# ore, other=# de ore | one=# minut, few=# minute, other=# de minute | one=# secundă, few=# secunde, other=# de secunde
ru | one=# час, few=# часа, many=# часов, other=# часа | one=# минута, few=# минуты, many=# минут, other=# минуты | one=# секунда, few=# секунды, many=# секунд, other=# секунды
sk | one=# hodina, few=# hodiny, other=# hodín | one=# minúta, few=# minúty, other=# minút | one=# sekunda, few=# sekundy, other=# sekúnd
sl | one=# ura, two=# uri, few=# ure, other=# ur | one=# minuta, two=# minuti, few=# minute, other=# minut | one=# sekunda, two=# sekundi, few=# sekunde, other=# sekund
sv | one=# timme, other=# timmar | one=# minut, other=# minuter | one=# sekund, other=# sekunder
ta | one=# மணிநேரம், other=# மணிநேரம் | one=# நிமிடம், other=# நிமிடங்கள் | one=# விநாடி, other=# விநாடிகள்
th | other=# ชั่วโมง | other=# นาที | other=# วินาที
tr | other=# saat | other=# dakika | other=# saniye
uk | one=# година, few=# години, many=# годин, other=# години | one=# хвилина, few=# хвилини, many=# хвилин, other=# хвилини | one=# секунда, few=# секунди, many=# секунд, other=# секунди
vi | other=# giờ | other=# phút | other=# giây
zh | other=#小时 | other=#分钟 | other=#秒 | ""
zh-Hant | other=#小時 | other=#分鐘 | other=#秒 | ""
`
