"""The codes of ICAO Doc 9303-3 section 5 as plain text tables: code, English name, further spellings.

The first spelling is the one shown; the others are ISO 3166 short and formal names, the spellings
of the UN consolidated list, and those common in police correspondence.
"""

from __future__ import annotations

from typing import Final

ISO_3166: Final = """
AFG|Afghanistan|Islamic Republic of Afghanistan|Islamic Emirate of Afghanistan
ALA|Åland Islands
ALB|Albania
DZA|Algeria|People's Democratic Republic of Algeria
ASM|American Samoa
AND|Andorra
AGO|Angola
AIA|Anguilla
ATA|Antarctica
ATG|Antigua and Barbuda
ARG|Argentina
ARM|Armenia
ABW|Aruba
AUS|Australia
AUT|Austria
AZE|Azerbaijan
BHS|Bahamas|The Bahamas
BHR|Bahrain|Kingdom of Bahrain
BGD|Bangladesh
BRB|Barbados
BLR|Belarus
BEL|Belgium
BLZ|Belize
BEN|Benin
BMU|Bermuda
BTN|Bhutan
BOL|Bolivia (Plurinational State of)|Bolivia|Plurinational State of Bolivia
BES|Bonaire, Sint Eustatius and Saba
BIH|Bosnia and Herzegovina|Bosnia
BWA|Botswana
BVT|Bouvet Island
BRA|Brazil
IOT|British Indian Ocean Territory
BRN|Brunei Darussalam|Brunei
BGR|Bulgaria
BFA|Burkina Faso
BDI|Burundi
KHM|Cambodia
CMR|Cameroon
CAN|Canada
CPV|Cabo Verde|Cape Verde
CYM|Cayman Islands
CAF|Central African Republic|CAR
TCD|Chad
CHL|Chile
CHN|China|People's Republic of China
CXR|Christmas Island
CCK|Cocos (Keeling) Islands
COL|Colombia
COM|Comoros
COG|Congo|Republic of the Congo|Congo (Brazzaville)|Congo-Brazzaville
COD|Democratic Republic of the Congo|Congo, Democratic Republic of the|Congo (Kinshasa)|DR Congo|DRC
COK|Cook Islands
CRI|Costa Rica
CIV|Côte d'Ivoire|Ivory Coast
HRV|Croatia
CUB|Cuba
CUW|Curaçao
CYP|Cyprus
CZE|Czechia|Czech Republic
DNK|Denmark
DJI|Djibouti
DMA|Dominica
DOM|Dominican Republic
ECU|Ecuador
EGY|Egypt|Arab Republic of Egypt
SLV|El Salvador
GNQ|Equatorial Guinea
ERI|Eritrea
EST|Estonia
ETH|Ethiopia
FLK|Falkland Islands (Malvinas)|Falkland Islands
FRO|Faroe Islands
FJI|Fiji
FIN|Finland
FRA|France
GUF|French Guiana
PYF|French Polynesia
ATF|French Southern Territories
GAB|Gabon
GMB|Gambia|The Gambia
GEO|Georgia
D|Germany|Federal Republic of Germany
GHA|Ghana
GIB|Gibraltar
GRC|Greece
GRL|Greenland
GRD|Grenada
GLP|Guadeloupe
GUM|Guam
GTM|Guatemala
GGY|Guernsey
GIN|Guinea|Guinea (Conakry)
GNB|Guinea-Bissau
GUY|Guyana
HTI|Haiti
HMD|Heard Island and McDonald Islands
VAT|Holy See|Vatican City State|Vatican City|Vatican
HND|Honduras
HKG|Hong Kong|China, Hong Kong Special Administrative Region|Hong Kong SAR
HUN|Hungary
ISL|Iceland
IND|India
IDN|Indonesia
IRN|Iran (Islamic Republic of)|Iran|Islamic Republic of Iran
IRQ|Iraq|Republic of Iraq
IRL|Ireland
IMN|Isle of Man
ISR|Israel
ITA|Italy
JAM|Jamaica
JPN|Japan
JEY|Jersey
JOR|Jordan|Hashemite Kingdom of Jordan
KAZ|Kazakhstan
KEN|Kenya
KIR|Kiribati
PRK|Democratic People's Republic of Korea|North Korea|DPRK|Korea (Democratic People's Republic of)
KOR|Republic of Korea|South Korea|Korea (Republic of)|Korea, Republic of
KWT|Kuwait|State of Kuwait
KGZ|Kyrgyzstan|Kyrgyz Republic
LAO|Lao People's Democratic Republic|Laos
LVA|Latvia
LBN|Lebanon|Lebanese Republic
LSO|Lesotho
LBR|Liberia
LBY|Libya|State of Libya|Libyan Arab Jamahiriya
LIE|Liechtenstein
LTU|Lithuania
LUX|Luxembourg
MAC|Macao|China, Macao Special Administrative Region|Macau
MDG|Madagascar
MWI|Malawi
MYS|Malaysia
MDV|Maldives
MLI|Mali
MLT|Malta
MHL|Marshall Islands
MTQ|Martinique
MRT|Mauritania|Islamic Republic of Mauritania
MUS|Mauritius
MYT|Mayotte
MEX|Mexico
FSM|Micronesia (Federated States of)|Micronesia|Federated States of Micronesia
MDA|Republic of Moldova|Moldova|Moldova (Republic of)
MCO|Monaco
MNG|Mongolia
MNE|Montenegro
MSR|Montserrat
MAR|Morocco|Kingdom of Morocco
MOZ|Mozambique
MMR|Myanmar
NAM|Namibia
NRU|Nauru
NPL|Nepal
NLD|Netherlands|Netherlands (Kingdom of the)|Kingdom of the Netherlands|Holland
NCL|New Caledonia
NZL|New Zealand
NIC|Nicaragua
NER|Niger
NGA|Nigeria
NIU|Niue
NFK|Norfolk Island
MKD|North Macedonia|Macedonia|The former Yugoslav Republic of Macedonia
MNP|Northern Mariana Islands
NOR|Norway
OMN|Oman|Sultanate of Oman
PAK|Pakistan|Islamic Republic of Pakistan
PLW|Palau
PSE|State of Palestine|Palestine|Palestine, State of|Palestinian Authority|Occupied Palestinian Territory
PAN|Panama
PNG|Papua New Guinea
PRY|Paraguay
PER|Peru
PHL|Philippines
PCN|Pitcairn
POL|Poland
PRT|Portugal
PRI|Puerto Rico
QAT|Qatar|State of Qatar
REU|Réunion
ROU|Romania
RUS|Russian Federation|Russia
RWA|Rwanda
BLM|Saint Barthélemy
SHN|Saint Helena, Ascension and Tristan da Cunha|Saint Helena
KNA|Saint Kitts and Nevis
LCA|Saint Lucia
MAF|Saint Martin (French part)
SPM|Saint Pierre and Miquelon
VCT|Saint Vincent and the Grenadines
WSM|Samoa
SMR|San Marino
STP|Sao Tome and Principe|São Tomé and Príncipe
SAU|Saudi Arabia|Kingdom of Saudi Arabia
SEN|Senegal
SRB|Serbia
SYC|Seychelles
SLE|Sierra Leone
SGP|Singapore
SXM|Sint Maarten (Dutch part)|Sint Maarten
SVK|Slovakia
SVN|Slovenia
SLB|Solomon Islands
SOM|Somalia|Federal Republic of Somalia
ZAF|South Africa
SGS|South Georgia and the South Sandwich Islands
SSD|South Sudan
ESP|Spain
LKA|Sri Lanka
SDN|Sudan|Republic of the Sudan|The Sudan
SUR|Suriname
SJM|Svalbard and Jan Mayen
SWZ|Eswatini|Swaziland
SWE|Sweden
CHE|Switzerland
SYR|Syrian Arab Republic|Syria
TWN|Taiwan|Taiwan, Province of China|Taiwan Province of China
TJK|Tajikistan
TZA|United Republic of Tanzania|Tanzania|Tanzania, United Republic of
THA|Thailand
TLS|Timor-Leste|East Timor
TGO|Togo
TKL|Tokelau
TON|Tonga
TTO|Trinidad and Tobago
TUN|Tunisia|Republic of Tunisia
TUR|Türkiye|Turkey|Republic of Türkiye
TKM|Turkmenistan
TCA|Turks and Caicos Islands
TUV|Tuvalu
UGA|Uganda
UKR|Ukraine
ARE|United Arab Emirates|UAE
GBR|United Kingdom of Great Britain and Northern Ireland|United Kingdom|Great Britain|UK
USA|United States of America|United States|US
UMI|United States Minor Outlying Islands
URY|Uruguay
UZB|Uzbekistan
VUT|Vanuatu
VEN|Venezuela (Bolivarian Republic of)|Venezuela|Bolivarian Republic of Venezuela
VNM|Viet Nam|Vietnam
VGB|Virgin Islands (British)|British Virgin Islands
VIR|Virgin Islands (U.S.)|United States Virgin Islands
WLF|Wallis and Futuna|Wallis and Futuna Islands
ESH|Western Sahara
YEM|Yemen|Republic of Yemen
ZMB|Zambia
ZWE|Zimbabwe
"""

OTHERS: Final = """
DEU|Germany (ISO 3166 code)
GBD|British Overseas Territories citizen
GBN|British National (overseas)
GBO|British Overseas citizen
GBP|British Protected person
GBS|British Subject
RKS|Kosovo|Republic of Kosovo
EUE|European Union (laissez-passer)|European Union
UNO|United Nations Organization or one of its officials|United Nations Organization|United Nations
UNA|United Nations specialized agency or one of its officials|United Nations specialized agency
UNK|Resident of Kosovo with a document of the United Nations Interim Administration Mission|UNMIK
XBA|African Development Bank
XIM|African Export-Import Bank|Afreximbank
XCC|Caribbean Community or one of its emissaries|CARICOM
XCE|Council of Europe
XCO|Common Market for Eastern and Southern Africa|COMESA
XEC|Economic Community of West African States|ECOWAS
XPO|International Criminal Police Organization (INTERPOL)|INTERPOL
XES|Organization of Eastern Caribbean States
XMP|Parliamentary Assembly of the Mediterranean
XOM|Sovereign Military Order of Malta|Order of Malta
XDC|Southern African Development Community
XXA|Stateless person|Stateless
XXB|Refugee (1951 Convention)
XXC|Refugee (other)|Refugee
XXX|Person of unspecified nationality
IAO|International Civil Aviation Organization (signer of master lists)|ICAO
UTO|Utopia (specimen documents)|Utopia
"""

# Withdrawn from ISO 3166 or Doc 9303, still seen on old documents and in old records.
# The last column names the codes that issue in its place today.
WITHDRAWN: Final = """
ANT|Netherlands Antilles|NLD,CUW,SXM,BES,ABW
ATB|British Antarctic Territory|GBR
ATN|Dronning Maud Land|NOR
AFI|French Afars and Issas|DJI
BUR|Burma|MMR
BYS|Byelorussian Soviet Socialist Republic|BLR
CSK|Czechoslovakia|CZE,SVK
CTE|Canton and Enderbury Islands|KIR
DDR|German Democratic Republic|D
DHY|Dahomey|BEN
FXX|France, Metropolitan|FRA
GEL|Gilbert and Ellice Islands|KIR,TUV
HVO|Upper Volta|BFA
JTN|Johnston Island|USA
MID|Midway Islands|USA
NHB|New Hebrides|VUT
NTZ|Neutral Zone|SAU,IRQ
PCI|Pacific Islands (Trust Territory)|FSM,MHL,MNP,PLW
PCZ|Panama Canal Zone|PAN
PUS|United States Miscellaneous Pacific Islands|USA
RHO|Southern Rhodesia|ZWE
ROM|Romania (former code)|ROU
SCG|Serbia and Montenegro|SRB,MNE
SKM|Sikkim|IND
SUN|Union of Soviet Socialist Republics|RUS,ARM,AZE,BLR,EST,GEO,KAZ,KGZ,LTU,LVA,MDA,TJK,TKM,UKR,UZB
TMP|East Timor (former code)|TLS
VDR|Viet-Nam, Democratic Republic of|VNM
WAK|Wake Island|USA
YMD|Yemen, Democratic|YEM
YUG|Yugoslavia|SRB,MNE,HRV,SVN,BIH,MKD,SCG
ZAR|Zaire|COD
"""

# Spellings that lead to a withdrawn code beside the name in the table above.
WITHDRAWN_SPELLINGS: Final = """
SUN|former Soviet Union|Soviet Union|USSR|former USSR
YUG|former Yugoslavia|Socialist Federal Republic of Yugoslavia
CSK|former Czechoslovakia
ZAR|former Zaire
"""

# Codes that one passport office uses for one another, so that a record and a document may differ.
FAMILIES: Final = (
    "D DEU",
    "GBR GBD GBN GBO GBP GBS AIA BMU CYM FLK GIB GGY IMN JEY MSR PCN SGS SHN TCA VGB IOT",
    "RKS UNK",
    "CHN HKG MAC",
    "NLD ABW BES CUW SXM",
    "DNK FRO GRL",
    "FIN ALA",
    "FRA BLM GLP GUF MAF MTQ MYT NCL PYF REU SPM WLF ATF",
    "USA ASM GUM MNP PRI VIR UMI",
    "AUS CCK CXR NFK HMD",
    "NZL COK NIU TKL",
    "NOR SJM BVT",
    "UNO UNA",
)

ADJECTIVES: Final = """
AFG|Afghan
DZA|Algerian
BHR|Bahraini
BGD|Bangladeshi
BIH|Bosnian
GBR|British|English
CAF|Central African
TCD|Chadian
CHN|Chinese
COG|Congolese
DNK|Danish
NLD|Dutch
EGY|Egyptian
ERI|Eritrean
ETH|Ethiopian
FRA|French
GEO|Georgian
D|German
HTI|Haitian
IND|Indian
IDN|Indonesian
IRN|Iranian
IRQ|Iraqi
ISR|Israeli
ITA|Italian
JOR|Jordanian
KAZ|Kazakh
KEN|Kenyan
KWT|Kuwaiti
LBN|Lebanese
LBY|Libyan
MYS|Malaysian
MLI|Malian
MRT|Mauritanian
MAR|Moroccan
NGA|Nigerian
PRK|North Korean
NOR|Norwegian
OMN|Omani
PAK|Pakistani
PSE|Palestinian
PHL|Philippine|Filipino
QAT|Qatari
RUS|Russian
RWA|Rwandan
SAU|Saudi
SEN|Senegalese
SOM|Somali
ZAF|South African
SSD|South Sudanese
SDN|Sudanese
SWE|Swedish
CHE|Swiss
SYR|Syrian
TJK|Tajik
TZA|Tanzanian
TUN|Tunisian
TUR|Turkish
UGA|Ugandan
UKR|Ukrainian
ARE|Emirati
USA|American
UZB|Uzbek
YEM|Yemeni
"""

TWO_LETTERS: Final = """
AD:AND AE:ARE AF:AFG AG:ATG AI:AIA AL:ALB AM:ARM AO:AGO AQ:ATA AR:ARG AS:ASM AT:AUT AU:AUS AW:ABW AX:ALA AZ:AZE BA:BIH
BB:BRB BD:BGD BE:BEL BF:BFA BG:BGR BH:BHR BI:BDI BJ:BEN BL:BLM BM:BMU BN:BRN BO:BOL BQ:BES BR:BRA BS:BHS BT:BTN BV:BVT
BW:BWA BY:BLR BZ:BLZ CA:CAN CC:CCK CD:COD CF:CAF CG:COG CH:CHE CI:CIV CK:COK CL:CHL CM:CMR CN:CHN CO:COL CR:CRI CU:CUB
CV:CPV CW:CUW CX:CXR CY:CYP CZ:CZE DE:D DJ:DJI DK:DNK DM:DMA DO:DOM DZ:DZA EC:ECU EE:EST EG:EGY EH:ESH ER:ERI ES:ESP
ET:ETH EU:EUE FI:FIN FJ:FJI FK:FLK FM:FSM FO:FRO FR:FRA GA:GAB GB:GBR GD:GRD GE:GEO GF:GUF GG:GGY GH:GHA GI:GIB GL:GRL
GM:GMB GN:GIN GP:GLP GQ:GNQ GR:GRC GS:SGS GT:GTM GU:GUM GW:GNB GY:GUY HK:HKG HM:HMD HN:HND HR:HRV HT:HTI HU:HUN ID:IDN
IE:IRL IL:ISR IM:IMN IN:IND IO:IOT IQ:IRQ IR:IRN IS:ISL IT:ITA JE:JEY JM:JAM JO:JOR JP:JPN KE:KEN KG:KGZ KH:KHM KI:KIR
KM:COM KN:KNA KP:PRK KR:KOR KW:KWT KY:CYM KZ:KAZ LA:LAO LB:LBN LC:LCA LI:LIE LK:LKA LR:LBR LS:LSO LT:LTU LU:LUX LV:LVA
LY:LBY MA:MAR MC:MCO MD:MDA ME:MNE MF:MAF MG:MDG MH:MHL MK:MKD ML:MLI MM:MMR MN:MNG MO:MAC MP:MNP MQ:MTQ MR:MRT MS:MSR
MT:MLT MU:MUS MV:MDV MW:MWI MX:MEX MY:MYS MZ:MOZ NA:NAM NC:NCL NE:NER NF:NFK NG:NGA NI:NIC NL:NLD NO:NOR NP:NPL NR:NRU
NU:NIU NZ:NZL OM:OMN PA:PAN PE:PER PF:PYF PG:PNG PH:PHL PK:PAK PL:POL PM:SPM PN:PCN PR:PRI PS:PSE PT:PRT PW:PLW PY:PRY
QA:QAT RE:REU RO:ROU RS:SRB RU:RUS RW:RWA SA:SAU SB:SLB SC:SYC SD:SDN SE:SWE SG:SGP SH:SHN SI:SVN SJ:SJM SK:SVK SL:SLE
SM:SMR SN:SEN SO:SOM SR:SUR SS:SSD ST:STP SV:SLV SX:SXM SY:SYR SZ:SWZ TC:TCA TD:TCD TF:ATF TG:TGO TH:THA TJ:TJK TK:TKL
TL:TLS TM:TKM TN:TUN TO:TON TR:TUR TT:TTO TV:TUV TW:TWN TZ:TZA UA:UKR UG:UGA UK:GBR UM:UMI UN:UNO US:USA UY:URY UZ:UZB
VA:VAT VC:VCT VE:VEN VG:VGB VI:VIR VN:VNM VU:VUT WF:WLF WS:WSM XK:RKS YE:YEM YT:MYT ZA:ZAF ZM:ZMB ZW:ZWE
"""
"""ISO 3166-1 alpha-2, with UK, XK, EU and UN as they are used. Not what vehicles bear: there ES is El Salvador."""
