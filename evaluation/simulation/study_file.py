"""The study file that comes with a simulated register: complete, commented, ready to run."""

from __future__ import annotations

from evaluation.simulation.parameters import EXTRACTION_DATE, WINDOW, FileFormat
from evaluation.territories import slugify

_TEMPLATE = """\
# Étude sur un registre simulé, dont le vrai effet est connu (truth.json).
# Toutes les clés possibles sont présentes, avec leur valeur par défaut.
# Une clé inconnue est une erreur ; « evaluation show study.toml » montre les valeurs effectives.

[study]
name = "{name}"  # nom du dossier sous reports/ : minuscules, chiffres, tirets
title = "Accompagnement global : {name}"
contact = ""  # imprimé dans l'encadré des définitions
language = "fr"  # fr | en

[register]  # chemins relatifs à ce fichier ; jokers admis
registrations = "registrations*.{suffix}"
entries = "entries*.{suffix}"
hires = "hires*.{suffix}"
history = ""  # quatrième table facultative
profile = "toolkit"
extraction_date = {extraction}
cog_vintage = 2024

[cohort]  # qui est comparé à qui, à partir de quand
entry_window = [{first}, {last}]  # les deux jours compris
pool = "not_yet_entered"  # not_yet_entered | censored_at_entry | never_entered
duration_classes = [0, 3, 6, 12, 24, 36]  # bornes basses, mois depuis le début de l'inscription
merge_gap_days = 31  # deux inscriptions séparées de 31 jours au plus n'en font qu'une
history_months = 24
anticipation_days = 0
ages = [16, 70]
exclude_durable_job = true
comparators_per_entrant = 20  # au plus, par strate ; 0 = tous

[outcome]  # ce qui compte comme un retour à l'emploi durable
preset = "es47"
horizon_months = 6
curve_months = 12
duration_unit = "calendar_months"  # calendar_months | days
missing_end = "not_durable"  # not_durable | durable | until_extraction
chain_gap_days = 0  # 0 = les contrats ne sont pas enchaînés
sensitivity = ["lolf_p102", "dares_midas", "unedic_180"]

[matching]
method = "nearest"
distance = "logit"
ratio = 3
replace = false
caliper = 0.2  # en écarts-types du score linéaire
exact = ["index_month", "duration_class", "sex", "rsa"]
blocks = ["B0", "B1", "B2", "B3", "B4", "B5", "B6"]

[effects]
variance = "auto"
level = 0.95
compare_methods = ["nearest", "radius", "ipw", "entropy_balancing"]
subgroups = ["rsa", "disabled", "age_class", "sex", "benefit", "qpv", "rural", "duration_class"]

[disclosure]
min_cell = 11  # aucun effectif plus petit n'est publié

[run]
output = "../../reports/{name}"
work = ".work"  # données individuelles : jamais publié
seed = 20180618
workers = 0  # 0 = nombre de cœurs
memory_limit_gb = 0  # 0 = 60 % de la mémoire, partagée entre les processus

# Écart propre à un territoire, affiché dans son rapport :
# [territory.94]
# matching.caliper = 0.25
"""


def study_name(folder_name: str) -> str:
    """Return a legal study name from the name of a folder.

    Examples
    --------
    >>> study_name("Démonstration 2")
    'demonstration-2'
    """
    return slugify(folder_name)[:60].strip("-") or "simulation"


def study_text(name: str, file_format: FileFormat) -> str:
    """Return the text of the study file."""
    return _TEMPLATE.format(
        name=name, suffix=file_format, extraction=EXTRACTION_DATE, first=WINDOW[0], last=WINDOW[1]
    )
