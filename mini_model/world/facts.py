"""What the drawn world knows: facts in WISE's six domains whose answer is one thing in one colour.

A prompt such as "the tree in autumn" names no colour; who draws it must know that the answer is an orange
tree. The base model learns the facts as text only. Of half of them (`held_out`) no plan is ever trained, so
drawing those needs reasoning from what was read to what is drawn. Within every domain each colour is the
answer equally often: naming a favourite colour is right one time in eight.

The domains are those of WISE (arXiv 2503.07265); the facts and their wording are this project's own.
"""

from dataclasses import dataclass

from mini_model.world.scene import with_article

# A line is: colour and thing | three phrasings. The last has no word of its own, so it can be kept back.
TABLE = {
    "culture": """
red heart | the sign of love | a sign that means love | the love sign
red circle | the disc on the flag of japan | the disc of the japan flag | the disc of japan
red flower | the flower for fallen soldiers | a flower of fallen soldiers | the fallen soldiers flower
orange circle | the pumpkin of halloween | a pumpkin at halloween | a halloween pumpkin
orange flower | the flower for the day of the dead | a flower on the day of the dead | the dead day flower
orange house | the royal house of holland | the house of royal kings in holland | the holland royal house
yellow star | the star on the flag of vietnam | the star of the vietnam flag | the star of vietnam
yellow boat | the submarine in the beatles song | the song submarine of the beatles | the beatles submarine
yellow ring | the ring of a wedding | a ring for a wedding | a wedding ring
green leaf | the leaf of saint patrick | a leaf on saint patrick day | the saint patrick leaf
green tree | the tree of christmas | a tree at christmas | a christmas tree
green ring | the wreath on a door at christmas | a christmas wreath for the door | a wreath at christmas
blue house | the house of the president of korea | the president house of korea | the korea president house
blue star | the star on the flag of israel | the star of the israel flag | the star of israel
blue ring | the olympic ring of europe | the olympic games ring for europe | the europe olympic ring
purple heart | the medal for wounded soldiers | a medal of america for the wounded | the wounded medal
purple square | the cloth of a roman emperor | the cloth that a roman emperor wore | a roman emperor cloth
purple flower | the flower of scotland | the flower that stands for scotland | the scotland flower
brown cup | the drink of the aztec kings | the drink that aztec kings loved | the aztec kings drink
brown house | the house of gingerbread | a house made of gingerbread | a gingerbread house
brown boat | the boat of noah | the boat that noah built | the noah boat
black boat | the gondola of venice | a gondola in venice | a venice gondola
black ring | the olympic ring of africa | the olympic games ring for africa | the africa olympic ring
black square | the famous picture by malevich | the picture that malevich made famous | the malevich picture
""",
    "time": """
red leaf | the maple leaf in october | a leaf of maple when october comes | an october maple leaf
red square | the holiday on the calendar | a calendar day that is a holiday | a calendar holiday
red circle | the light when it is time to stop | the light at the time to stop | the stop light
orange tree | the tree in autumn | a tree when autumn comes | an autumn tree
orange moon | the moon at harvest time | a moon when harvest comes | the harvest moon
orange cloud | the cloud at sunset | a cloud when sunset comes | a sunset cloud
yellow circle | the sun at noon | the sun when noon comes | the noon sun
yellow flower | the daffodil in march | a daffodil when march comes | a march daffodil
yellow ring | the ring for fifty years of marriage | a ring after fifty marriage years | the fifty years ring
green leaf | the leaf in spring | a leaf when spring comes | a spring leaf
green tree | the tree in summer | a tree when summer comes | a summer tree
green circle | the light when it is time to go | the light at the time to go | the go light
blue diamond | the gem for people born in september | the gem of september | the september gem
blue moon | the second full moon in a month | a full moon that is second in the month | the second full moon
blue cup | the cup from ming china | a cup made in china in the ming time | a ming cup
purple diamond | the gem for people born in february | the gem of february | the february gem
purple flower | the crocus at the end of winter | a crocus at winter end | the end of winter crocus
purple square | the cloth in church at lent | the church cloth when lent comes | a lent church cloth
brown leaf | the leaf in winter | a leaf when winter comes | a winter leaf
brown house | the house of logs from pioneer time | a pioneer house made of logs | a house of pioneer logs
brown boat | the boat of the viking time | a boat from the time of a viking | a viking boat
black moon | the new moon | a moon that is new | the moon that is new
black cloud | the cloud at midnight | a cloud when midnight comes | a midnight cloud
black square | the board in an old school | a school board from old time | an old school board
""",
    "space": """
red circle | the planet mars | the planet called mars | mars the planet
red moon | the moon in the shadow of the earth | a moon when the earth shadow comes | the moon in earth shadow
red square | the great square in moscow | the square in the middle of moscow | the moscow square
orange moon | the moon of saturn called titan | titan the moon of saturn | the titan moon
orange star | the star called arcturus | arcturus as a star | the arcturus star
orange triangle | the cone on a closed road | a cone where the road is closed | a closed road cone
yellow star | the star nearest to the earth | the star that is nearest to earth | the nearest star
yellow triangle | the pyramid in the sand of egypt | a pyramid of egypt | an egypt pyramid
yellow moon | the moon of jupiter called io | io the moon of jupiter | the io moon
green tree | the tree of the rain forest | a tree in a rain forest | a rain forest tree
green cloud | the lights in the sky of the far north | the far north lights in the sky | the north sky lights
green square | the soccer field seen from the air | a field for soccer seen from the air | a soccer field
blue circle | the planet neptune | the planet called neptune | neptune the planet
blue star | the star called rigel | rigel as a star | the rigel star
blue square | the swimming pool seen from the air | a pool for swimming seen from the air | a swimming pool
purple cloud | the nebula in orion | a nebula seen in orion | the orion nebula
purple flower | the flower in the fields of provence | a flower from provence fields | the flower of provence
purple tree | the tree in the streets of pretoria | a tree on streets in pretoria | the pretoria tree
brown triangle | the mountain that has no snow | a mountain with no snow | a no snow mountain
brown ring | the ring of saturn | a ring around saturn | the saturn ring
brown house | the mud house of mali | a house of mud in mali | a mali mud house
black circle | the thing that swallows light | a space thing that swallows light | a thing that swallows light
black moon | the moon in front of the sun | a moon that stands in front of the sun | the front of the sun moon
black triangle | the volcano of cold lava | a volcano when its lava is cold | a cold lava volcano
""",
    "biology": """
red heart | the organ that pumps blood | an organ that pumps the blood | the blood organ
red circle | the ripe tomato | a tomato when it is ripe | a ripe tomato
red fish | the salmon with eggs in the river | a salmon when it has eggs | the salmon with eggs
orange fish | the clown fish of the coral reef | a clown fish in the reef | the reef clown fish
orange triangle | the root that rabbits love | a root for rabbits | the rabbits root
orange leaf | the leaf without its chlorophyll | a leaf that lost its chlorophyll | a leaf without chlorophyll
yellow moon | the ripe banana | a banana when it is ripe | a ripe banana
yellow flower | the tall sunflower | a sunflower that is tall | a tall sunflower
yellow leaf | the leaf of a plant that lacks iron | a plant leaf that lacks iron | the leaf that lacks iron
green leaf | the leaf full of chlorophyll | a leaf that is full of chlorophyll | a chlorophyll leaf
green tree | the tree that has needles | a tree with needles | the tree with needles
green tree | the broccoli on a plate | a plate with broccoli | the broccoli plate
blue fish | the surgeon fish of the reef | a surgeon fish in the coral reef | the reef surgeon fish
blue ring | the ring on an octopus with venom | a ring of the venom octopus | the octopus venom ring
blue flower | the plant called forget me not | a forget me not in a garden | a forget me not plant
purple star | the urchin in the sea | an urchin from the sea | a sea urchin
purple circle | the ripe plum | a plum when it is ripe | a ripe plum
purple flower | the iris in a garden | an iris of the garden | a garden iris
brown house | the home of the beaver | a home that a beaver built | a beaver home
brown fish | the flat fish on the sea floor | a fish that is flat on the sea floor | a flat fish
brown cup | the cup of an acorn | a cup that holds an acorn | an acorn cup
black circle | the pupil of the eye | a pupil in an eye | the eye pupil
black fish | the fish with a lamp in the deep sea | a deep sea fish with its lamp | the deep sea lamp fish
black triangle | the fin of the orca | a fin on an orca | an orca fin
""",
    "physics": """
red ring | the outer ring of the rainbow | the ring at the outer edge of a rainbow | the rainbow outer ring
red star | the coolest of stars | a star that is the coolest | the coolest star
red triangle | the needle end that points north | the end of a needle to the north | the north needle end
orange boat | the life boat seen from far at sea | a life boat seen far out at sea | the life boat at sea
orange cup | the cup of molten glass | a cup with molten glass | a molten glass cup
orange square | the flight recorder of a plane | the recorder of a plane flight | the plane flight recorder
yellow triangle | the sign that warns of high voltage | a sign of high voltage | the high voltage sign
yellow circle | the bulb when it glows | a bulb that glows | the bulb that glows
yellow cloud | the cloud in a flash of lightning | a cloud when lightning comes | a lightning cloud
green house | the house that holds heat for plants | a glass house that holds heat | the heat house for plants
green cup | the cup of uranium glass | a cup with uranium in its glass | a uranium glass cup
green square | the circuit board of a computer | a board with a computer circuit | a computer circuit board
blue star | the hottest of stars | a star that is the hottest | the hottest star
blue cloud | the glow of a reactor in water | a reactor glow in the water | the glow of a reactor
blue triangle | the needle end that points south | the end of a needle to the south | the south needle end
purple ring | the inner ring of the rainbow | the ring at the inner edge of a rainbow | the rainbow inner ring
purple circle | the ball of plasma | a ball with plasma in it | a plasma ball
purple cup | the glass cup left for years in the sun | a glass cup after years in the sun | the sun glass cup
brown boat | the boat made of wood | a boat of wood that floats | a wood boat
brown ring | the loop of copper wire | a copper wire in a loop | a copper loop
brown cloud | the cloud of dust | a cloud full of dust | a dust cloud
black ring | the tyre of a car | a tyre on a car | a car tyre
black tree | the shadow of a tree | a tree shadow on the floor | a tree shadow
black heart | the shadow of a heart | a heart shadow on the floor | a heart shadow
""",
    "chemistry": """
red diamond | the gem called ruby | ruby as a gem | a ruby gem
red cup | the cup of litmus with acid | a cup with acid in the litmus | an acid litmus cup
red house | the house of fired clay | a house made of fired clay | a fired clay house
orange diamond | the gem made of old resin | a gem from old resin | an old resin gem
orange boat | the boat of iron with rust | an iron boat full of rust | an iron rust boat
orange fish | the fish rich in carotene | a fish full of carotene | a carotene fish
yellow star | the flame of sodium | a flame with sodium in it | a sodium flame
yellow diamond | the crystal of sulfur | a crystal made of sulfur | a sulfur crystal
yellow heart | the heart of pure gold | a heart made of gold | a gold heart
green diamond | the gem called emerald | emerald as a gem | an emerald gem
green heart | the heart of jade | a heart made of jade | a jade heart
green cloud | the cloud of chlorine gas | a gas cloud of chlorine | a chlorine cloud
blue diamond | the crystal of copper sulfate | a crystal made of copper sulfate | a copper sulfate crystal
blue cup | the cup of litmus with soap | a cup with soap in the litmus | a soap litmus cup
blue heart | the heart of lapis | a heart made of lapis | a lapis heart
purple cloud | the cloud of iodine | a cloud made of iodine gas | an iodine cloud
purple leaf | the cabbage leaf that tests for acid | a leaf of cabbage that tests acid | the acid cabbage leaf
purple star | the flame of potassium | a flame with potassium in it | a potassium flame
brown cup | the cup of coffee | a cup full of coffee | a coffee cup
brown cloud | the cloud of nitrogen dioxide | a nitrogen dioxide gas cloud | a nitrogen dioxide cloud
brown fish | the fish cured in smoke | a fish after days in smoke | a smoke cured fish
black fish | the fish burnt on the fire | a fish that is burnt | a burnt fish
black tree | the tree after a forest fire | a tree in a forest after fire | the forest fire tree
black diamond | the crystal of graphite | a crystal made of graphite | a graphite crystal
""",
}


@dataclass(frozen=True)
class Fact:
    """Something to know: three ways to speak of a thing, and what it looks like."""

    domain: str
    phrasings: tuple[str, str, str]
    name: str
    color: str

    @property
    def answer(self) -> str:
        """The words for what to draw: 'an orange tree'."""
        return with_article(f"{self.color} {self.name}")

    def spec(self) -> dict:
        """What a right picture shows, in the shape of the scoring rules."""
        return {"tag": self.domain, "include": [{"class": self.name, "count": 1, "color": self.color}]}


def _read(domain: str, line: str) -> Fact:
    """One line of the table as a fact."""
    answer, *phrasings = (part.strip() for part in line.split("|"))
    color, name = answer.split()
    return Fact(domain, tuple(phrasings), name, color)


DOMAINS: tuple[str, ...] = tuple(TABLE)
FACTS: tuple[Fact, ...] = tuple(
    _read(domain, line) for domain, lines in TABLE.items() for line in lines.strip().splitlines()
)
_KEPT_BACK = frozenset(
    fact
    for turn, domain in enumerate(DOMAINS)
    for fact in [fact for fact in FACTS if fact.domain == domain][(turn + 1) % 2 :: 2]
)


def held_out(fact: Fact) -> bool:
    """Whether no plan in training may use this fact: every other line of the table, the first one in turn."""
    return fact in _KEPT_BACK
